import { appendFileSync, existsSync, readdirSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { CoreError, canonicalJson } from '../../core/index.js'
import { conversationsOfRow, readRows, rowFileEndings, type Outcome, type Row } from '../../interchange/index.js'
import type { Conversation } from '../../records/index.js'
import type { RunContext } from '../run/run-context.js'

export interface ImportCounts {
  files: { file: string; rows: number; conversations: number; rejects: number }[]
  rows: number
  conversations: number
  /** How many rows, or trajectories embedded in one, were left out, by reason. */
  rejects: Record<string, number>
}

/** A line of `rejects.jsonl`. */
interface Reject {
  file: string
  line: number
  id: string
  reason: string
  message: string
}

/** Reads files row by row and counts conversations and rejects. */
export class ImportReader {
  readonly #paths: readonly string[]
  readonly #context: RunContext
  readonly #files: ImportCounts['files'] = []
  readonly #rejects: Record<string, number> = {}
  /** An example of a reject, for the error where no conversation is left. */
  firstReject = 'a file without rows'

  constructor(paths: readonly string[], context: RunContext) {
    this.#paths = paths
    this.#context = context
  }

  counts(): ImportCounts {
    const sum = (count: 'rows' | 'conversations'): number => this.#files.reduce((total, file) => total + file[count], 0)
    return { files: this.#files, rows: sum('rows'), conversations: sum('conversations'), rejects: this.#rejects }
  }

  /** The conversations of all files; every other row goes to the file of rejects. */
  async *conversations(rejectsPath: string): AsyncGenerator<Conversation> {
    const bar = this.#context.progress.stage('Import', 0, 'rows')
    try {
      for (const path of this.#paths) {
        this.#countsOf(path)
        for await (const row of readRows(path)) {
          this.#context.signal?.throwIfAborted()
          yield* this.#take(row, path, rejectsPath)
          bar.advance()
        }
      }
    } finally {
      bar.finish()
    }
  }

  *#take(row: Row, path: string, rejectsPath: string): Generator<Conversation> {
    const counts = this.#countsOf(path)
    counts.rows++
    for (const outcome of outcomesOf(row, path)) {
      if ('conversation' in outcome) {
        counts.conversations++
        yield outcome.conversation
        continue
      }
      counts.rejects++
      const { id, reason, message } = outcome
      this.#reject({ file: path, line: row.line, id, reason, message }, rejectsPath)
    }
  }

  #countsOf(file: string): ImportCounts['files'][number] {
    const last = this.#files.at(-1)
    if (last?.file === file) return last
    const counts = { file, rows: 0, conversations: 0, rejects: 0 }
    this.#files.push(counts)
    return counts
  }

  #reject(reject: Reject, path: string): void {
    if (Object.keys(this.#rejects).length === 0) {
      this.firstReject = `${reject.file}, line ${reject.line}: ${reject.message}`
    }
    this.#rejects[reject.reason] = (this.#rejects[reject.reason] ?? 0) + 1
    appendFileSync(path, canonicalJson(reject) + '\n')
  }
}

function outcomesOf(row: Row, path: string): Outcome[] {
  const id = `${basename(path)}:${row.line}`
  return 'value' in row ? conversationsOfRow(row.value, id) : [{ id, reason: row.reason, message: row.message }]
}

/** A file, or the files of a folder that have an ending we know, in the order of their names without it. */
export function filesOf(input: string): string[] {
  if (!existsSync(input)) throw new CoreError('INPUT_NOT_FOUND', `${input} does not exist. Check the path.`, { input })
  const endingOf = (name: string): string | undefined =>
    rowFileEndings.find((ending) => name.toLowerCase().endsWith(ending))
  if (!statSync(input).isDirectory()) {
    if (endingOf(input) !== undefined) return [resolve(input)]
    throw new CoreError(
      'CONFIG_INVALID',
      `${input} has none of the endings ${rowFileEndings.join(', ')}, which say what is in a file. Rename it.`,
    )
  }
  const entries = readdirSync(input, { withFileTypes: true }).filter((entry) => entry.isFile())
  const stems = entries.flatMap(({ name }) => {
    const ending = endingOf(name)
    return ending === undefined ? [] : [{ name, stem: name.slice(0, -ending.length) }]
  })
  if (stems.length === 0) {
    throw new CoreError(
      'INPUT_NOT_FOUND',
      `${input} holds no file with one of the endings ${rowFileEndings.join(', ')}.`,
    )
  }
  // A run orders its trajectories in this way, so a folder of exports packs to the same rows.
  stems.sort((a, b) => (a.stem < b.stem ? -1 : a.stem > b.stem ? 1 : 0))
  return stems.map(({ name }) => resolve(input, name))
}
