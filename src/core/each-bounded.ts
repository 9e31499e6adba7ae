import { setMaxListeners } from 'node:events'

/**
 * Works on items with at most `limit` under way at once; the first failure stops those that wait and is the one thrown,
 * once what is under way has ended.
 */
export async function eachBounded<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failed = new AbortController()
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  setMaxListeners(0, either)
  const rest = items[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true && !either.aborted; next = rest.next()) {
      await work(next.value, either)
    }
  }
  await Promise.all(Array.from({ length: limit }, () => lane().catch((error: unknown) => failed.abort(error))))
  signal?.throwIfAborted()
  failed.signal.throwIfAborted()
}
