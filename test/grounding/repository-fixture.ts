import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { memoryBlobStore } from '../../src/core/index.js'
import { groundRepository, type GroundingOptions } from '../../src/grounding/index.js'
import { snapshotSchema, type FileRecord, type ImportRecord, type RepositorySnapshot } from '../../src/records/index.js'

const root = mkdtempSync(join(tmpdir(), 'retrace-grounding-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))
let repositories = 0

/** Writes a repository into a new temporary folder `.../<number>/<name>` and gives its path. */
export function writeRepository(files: Readonly<Record<string, string | Uint8Array>>, name = 'sample'): string {
  const folder = join(root, String(repositories++), name)
  mkdirSync(folder, { recursive: true })
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

export interface Grounded {
  snapshot: RepositorySnapshot
  file: (path: string) => FileRecord
  /** The text of bytes `[start, end)` of a file, by its blob. */
  slice: (path: string, range: { start: number; end: number }) => string
}

/** Grounds a path and checks the snapshot against its schema. */
export async function ground(path: string, options: Partial<GroundingOptions> = {}): Promise<Grounded> {
  const blobs = memoryBlobStore()
  const snapshot = snapshotSchema.parse(await groundRepository(path, options, blobs))
  const file = (wanted: string): FileRecord => {
    const found = snapshot.files.find((file) => file.path === wanted)
    if (found === undefined) throw new Error(`${wanted} is not in the snapshot`)
    return found
  }
  return {
    snapshot,
    file,
    slice: (wanted, { start, end }) => Buffer.from(blobs.get(file(wanted).blob).subarray(start, end)).toString('utf8'),
  }
}

/** An import in one line: `./b {x,y} -> src/b.ts`. */
export function describeImport({ specifier, names, target }: ImportRecord): string {
  const end =
    target.kind === 'file' ? target.path : target.kind === 'external' ? `external ${target.package}` : target.kind
  return `${specifier} {${names.join(',')}} -> ${end}`
}

export const skippedAs = (snapshot: RepositorySnapshot): Record<string, string> =>
  Object.fromEntries(snapshot.skipped.map(({ path, reason }) => [path, reason]))
