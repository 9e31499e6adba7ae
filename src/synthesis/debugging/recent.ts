/** Values by key, each made once; past `limit` the one that was asked for longest ago is forgotten. */
export interface Recent<T> {
  get(key: string, make: () => Promise<T>): Promise<T>
}

export function createRecent<T>(limit: number): Recent<T> {
  const kept = new Map<string, T>()
  return {
    async get(key, make) {
      const value = kept.has(key) ? (kept.get(key) as T) : await make()
      kept.delete(key)
      kept.set(key, value)
      const oldest = kept.keys().next()
      if (kept.size > limit && !oldest.done) kept.delete(oldest.value)
      return value
    },
  }
}
