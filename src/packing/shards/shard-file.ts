import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export interface WrittenFile {
  sizeBytes: number
  sha256: string
}

/**
 * A file that is written piece by piece and appears whole or not at all; for shards, which are too large to be in
 * memory at once. Hashes what it writes.
 */
export class ShardFile {
  readonly #path: string
  readonly #temporary: string
  readonly #file: number
  readonly #hash = createHash('sha256')
  #sizeBytes = 0
  #isOpen = true

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true })
    this.#path = path
    this.#temporary = `${path}.${process.pid}.tmp`
    this.#file = openSync(this.#temporary, 'w')
  }

  write(bytes: Uint8Array): void {
    for (let written = 0; written < bytes.length;) written += writeSync(this.#file, bytes, written)
    this.#hash.update(bytes)
    this.#sizeBytes += bytes.length
  }

  /** Renames the finished file to its name. */
  finish(): WrittenFile {
    fsyncSync(this.#file)
    this.#close()
    renameSync(this.#temporary, this.#path)
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') }
  }

  /** Removes the unfinished file. */
  discard(): void {
    this.#close()
    rmSync(this.#temporary, { force: true })
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.#file)
    this.#isOpen = false
  }
}
