/** Values by key, each made once. Past its limit it forgets the value that was asked for longest ago. */
export class LruCache<Value> {
  readonly #values = new Map<string, Value>()
  readonly #maxValues: number

  constructor(maxValues: number) {
    this.#maxValues = maxValues
  }

  async get(key: string, make: () => Promise<Value>): Promise<Value> {
    const value = this.#values.has(key) ? (this.#values.get(key) as Value) : await make()
    // A map keeps the order of insertion: the first key is the one that was asked for longest ago.
    this.#values.delete(key)
    this.#values.set(key, value)
    const oldest = this.#values.keys().next()
    if (this.#values.size > this.#maxValues && !oldest.done) this.#values.delete(oldest.value)
    return value
  }
}
