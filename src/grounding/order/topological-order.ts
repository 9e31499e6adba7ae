/**
 * The numbers from 0 on, each after all that it needs (Kahn 1962, "Topological sorting of large networks"). Whenever
 * several could come next, the first of them by `compare` does.
 *
 * @param needs for each number, those that must stand before it; without a cycle
 */
export function topologicalOrder(
  needs: readonly Iterable<number>[],
  compare: (a: number, b: number) => number,
): number[] {
  const waitingFor = needs.map(() => 0)
  const neededBy = needs.map((): number[] => [])
  for (const [user, used] of needs.entries()) {
    for (const needed of used) {
      neededBy[needed]?.push(user)
      waitingFor[user] = (waitingFor[user] as number) + 1
    }
  }
  const ready = [...needs.keys()].filter((at) => waitingFor[at] === 0).sort(compare)
  const order: number[] = []
  for (let next = ready.shift(); next !== undefined; next = ready.shift()) {
    order.push(next)
    for (const user of neededBy[next] ?? []) {
      waitingFor[user] = (waitingFor[user] as number) - 1
      if (waitingFor[user] === 0) insertSorted(ready, user, compare)
    }
  }
  return order
}

function insertSorted(list: number[], value: number, compare: (a: number, b: number) => number): void {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(list[middle] as number, value) < 0) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, value)
}
