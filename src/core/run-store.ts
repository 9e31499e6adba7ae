import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { ZodType, output } from 'zod'
import { folderBlobStore, type FolderBlobStore } from './blobs.js'
import { CoreError } from './errors.js'
import { readFileIfPresent, writeFileAtomic } from './files.js'
import { lockFolder } from './folder-lock.js'
import { canonicalJson } from './hash.js'

/** Names of files that are not whole yet, as `writeFileAtomic`, the shard writers and the lock make them. */
const temporaryName = /\.\d+(-\d+|-stale)?\.tmp$/

/**
 * One run's folder: blobs, one record per finished unit of a stage, append-only rows, rejects.
 *
 * A record's presence marks its unit as finished; it appears whole or not at all. Units that take long keep rows: each
 * row is on disk before the next begins, and a row that a kill cut short is left out on reading.
 */
export class RunStore {
  readonly folder: string
  readonly blobs: FolderBlobStore

  constructor(folder: string) {
    this.folder = folder
    this.blobs = folderBlobStore(join(folder, 'blobs'))
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts)
  }

  /** Ids of the finished units of a stage, in code-unit order. */
  finished(stage: string): string[] {
    const folder = this.path(stage)
    if (!existsSync(folder)) return []
    const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
    return names.map((name) => name.slice(0, -'.json'.length)).sort()
  }

  isFinished(stage: string, id: string): boolean {
    return existsSync(this.path(stage, `${id}.json`))
  }

  write(stage: string, id: string, record: unknown): void {
    writeFileAtomic(this.path(stage, `${id}.json`), canonicalJson(record) + '\n')
  }

  /** @throws CoreError `RUN_INCOMPLETE` where there is no such record, `RECORD_INVALID` where it has another form */
  read<S extends ZodType>(stage: string, id: string, schema: S): output<S> {
    const path = this.path(stage, `${id}.json`)
    const bytes = readFileIfPresent(path)
    if (bytes === null) {
      throw new CoreError(
        'RUN_INCOMPLETE',
        `${path} does not exist: the run has not come so far. Run it to its end first.`,
      )
    }
    return parseRecord(schema, bytes.toString('utf8'), path)
  }

  /** Appends a row to a unit that is under way; it is on disk when this returns. */
  append(stage: string, id: string, row: unknown): void {
    const path = this.path(stage, `${id}.jsonl`)
    mkdirSync(dirname(path), { recursive: true })
    dropCutRow(path)
    const file = openSync(path, 'a')
    try {
      writeSync(file, canonicalJson(row) + '\n')
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  /** The rows of a unit, in the order of writing. A last row without a line end was cut by a kill and is left out. */
  rows<S extends ZodType>(stage: string, id: string, schema: S): output<S>[] {
    const path = this.path(stage, `${id}.jsonl`)
    const bytes = readFileIfPresent(path)
    if (bytes === null) return []
    const whole = bytes.lastIndexOf(0x0a) + 1
    const lines = bytes.toString('utf8', 0, whole).split('\n')
    return lines.filter((line) => line !== '').map((line) => parseRecord(schema, line, path))
  }

  /** Keeps why a unit left the run. */
  reject(stage: string, id: string, reason: string, message: string, details: Record<string, unknown> = {}): void {
    this.write('rejects', id, { id, stage, reason, message, details })
  }

  /** Removes the reject of a unit that succeeded later. */
  unreject(id: string): void {
    this.remove('rejects', id)
  }

  /** Removes a record, so that its unit counts as not finished; nothing happens where there is none. */
  remove(stage: string, id: string): void {
    rmSync(this.path(stage, `${id}.json`), { force: true })
  }

  /**
   * Locks the folder for this process and returns the function that unlocks it.
   *
   * @throws CoreError `RUN_BUSY`, or `OUT_NOT_A_RUN` where the folder holds something else than a run
   */
  lock(): () => void {
    this.#checkIsRunOrEmpty()
    mkdirSync(this.folder, { recursive: true })
    const unlock = lockFolder(this.folder)
    this.#removeTemporaries()
    return unlock
  }

  #checkIsRunOrEmpty(): void {
    if (!existsSync(this.folder)) return
    const names = statSync(this.folder).isDirectory() ? readdirSync(this.folder) : ['a file']
    // A kill before config.json is written leaves nothing but the lock and temporary files.
    const isBegun = names.every(
      (name) => name === 'lock' || (/^(lock|config\.json)/.test(name) && temporaryName.test(name)),
    )
    if (isBegun || names.includes('config.json')) return
    throw new CoreError('OUT_NOT_A_RUN', `${this.folder} holds other things than a run. Give a new or an empty folder.`)
  }

  /** Removes the temporary files of a process that was killed. */
  #removeTemporaries(): void {
    const folders = readdirSync(this.folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    const blobs = readFolders(this.path('blobs')).map((name) => join('blobs', name))
    for (const folder of ['.', ...folders.map((entry) => entry.name), ...blobs]) {
      for (const name of readdirSync(this.path(folder))) {
        if (temporaryName.test(name)) rmSync(this.path(folder, name), { force: true })
      }
    }
  }
}

function readFolders(path: string): string[] {
  if (!existsSync(path)) return []
  const entries = readdirSync(path, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

/** Removes a last row that a kill cut short, so that the next row begins a new line. */
function dropCutRow(path: string): void {
  if (endsItsLine(path)) return
  const bytes = readFileSync(path)
  truncateSync(path, bytes.lastIndexOf(0x0a) + 1)
}

/** Whether a file is empty or ends with a line end. Reads the last byte only: the file may be long, and this is called for each row. */
function endsItsLine(path: string): boolean {
  if (!existsSync(path)) return true
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const last = Buffer.alloc(1)
    return size === 0 || (readSync(file, last, 0, 1, size - 1) === 1 && last[0] === 0x0a)
  } finally {
    closeSync(file)
  }
}

function parseRecord<S extends ZodType>(schema: S, text: string, path: string): output<S> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new CoreError('RECORD_INVALID', `${path} holds a record that is not JSON.`, { path }, { cause })
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const first = result.error.issues[0]
  throw new CoreError(
    'RECORD_INVALID',
    `${path} holds a record of another form: ${first?.path.join('.')}: ${first?.message}. It was made by another version, or changed since. Begin anew with another --out.`,
    { path },
  )
}
