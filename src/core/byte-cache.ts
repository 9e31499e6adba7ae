/** What one entry takes beside its bytes, roughly: many empty ones are bounded too. */
const entryBytes = 256

/** Bytes by name, at most so many of them in all. Where there is no more room, those that were used longest ago go. */
export class ByteCache {
  readonly #maxBytes: number
  /** A Map keeps the order in which its keys were set: the first one was used longest ago. */
  readonly #entries = new Map<string, Uint8Array>()
  #usedBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get(key: string): Uint8Array | undefined {
    const bytes = this.#entries.get(key)
    if (bytes === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, bytes)
    return bytes
  }

  /** Keeps bytes under a new key, unless they alone are more than the cache may hold. */
  add(key: string, bytes: Uint8Array): void {
    const size = bytes.length + entryBytes
    if (size > this.#maxBytes) return
    this.#entries.set(key, bytes)
    this.#usedBytes += size
    for (const [oldest, { length }] of this.#entries) {
      if (this.#usedBytes <= this.#maxBytes) return
      this.#entries.delete(oldest)
      this.#usedBytes -= length + entryBytes
    }
  }
}
