import { setMaxListeners } from 'node:events'

/**
 * Works on items, at most `limit` at once. After the first failure no further item is begun; that failure is thrown once
 * the items under way have ended.
 */
export async function eachBounded<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failed = new AbortController()
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  setMaxListeners(0, stop)
  const rest = items[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true && !stop.aborted; next = rest.next()) {
      await work(next.value, stop)
    }
  }
  await Promise.all(Array.from({ length: limit }, () => lane().catch((error: unknown) => failed.abort(error))))
  signal?.throwIfAborted()
  failed.signal.throwIfAborted()
}
