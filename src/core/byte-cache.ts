/** Memory of an entry beside its bytes, roughly: it bounds the number of empty entries too. */
const entryBytes = 256

/** Bytes by key, of a bounded size in all. For want of room, the entries that were used longest ago are dropped. */
export class ByteCache {
  readonly #maxBytes: number
  /** A Map keeps the order in which its keys were set: the first entry was used longest ago. */
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
