import { maxListedBytes, type Listed } from './listing.js'
import type { GitProcess } from './process.js'

/** The most content that one call of git fetches. */
const windowBytes = 8 * 1024 * 1024
const windowFiles = 1_000

/** Content of files. Fetches the files in order of path, many with each call of git, and keeps those of the last call. */
export class ContentWindow {
  readonly #git: GitProcess
  readonly #files: readonly Listed[]
  readonly #positions: Map<string, number>
  #fetched = new Map<string, Uint8Array>()

  /** @param files the files that may be read, in order of path */
  constructor(git: GitProcess, files: readonly Listed[]) {
    this.#git = git
    this.#files = files
    this.#positions = new Map(files.map((file, at) => [file.path, at]))
  }

  read(file: Listed): Uint8Array | { unreadable: string } {
    const at = this.#positions.get(file.path)
    if (at === undefined) return { unreadable: 'it was passed over' }
    if (!this.#fetched.has(file.id)) this.#fetchFrom(at)
    return this.#fetched.get(file.id) ?? { unreadable: 'its object is missing or damaged' }
  }

  #fetchFrom(start: number): void {
    let [end, sizeBytes] = [start, 0]
    while (end < this.#files.length && end - start < windowFiles) {
      sizeBytes += (this.#files[end] as Listed).sizeBytes
      if (end > start && sizeBytes > windowBytes) break
      end++
    }
    const wanted = this.#files.slice(start, end)
    const answer = this.#git.run(
      ['cat-file', '--batch'],
      sizeBytes + wanted.length * maxListedBytes,
      wanted.map((file) => `${file.id}\n`).join(''),
    )
    this.#fetched = blobsIn(answer.stdout)
  }
}

/** Reads repeated `ID blob SIZE\n`, content and a line end; `ID missing` has no content. */
function blobsIn(stdout: Buffer): Map<string, Uint8Array> {
  const blobs = new Map<string, Uint8Array>()
  for (let at = 0; at < stdout.length;) {
    const lineEnd = stdout.indexOf(0x0a, at)
    if (lineEnd < 0) break
    const [id = '', type, size] = stdout.toString('latin1', at, lineEnd).split(' ')
    at = lineEnd + 1
    if (size === undefined) continue
    const end = at + Number(size)
    if (type === 'blob' && end < stdout.length) blobs.set(id, stdout.subarray(at, end))
    at = end + 1
  }
  return blobs
}
