import type { RepositorySnapshot } from '../records/index.js'

export interface OrderedPlan {
  /** Every file once, each behind what it depends on. */
  order: string[]
  /** Planned files that stand behind one that the plan had after them. */
  moved: string[]
}

/**
 * Completes a plan's order and mends it as little as the graph allows: of the files that could come next it is always
 * the one that the plan names first. A component comes behind all that it depends on; inside of a cycle the files keep
 * the order of the snapshot, which breaks it where it is thinnest.
 *
 * @param planned files of the repository, none twice
 */
export function orderPlan(snapshot: RepositorySnapshot, planned: readonly string[]): OrderedPlan {
  const needs = needsOf(snapshot)
  const wanted = withMissing(snapshot, planned, needs)
  const order = sortStably(wanted, needs)
  const place = new Map(wanted.map((path, at) => [path, at]))
  const isPlanned = new Set(planned)
  const moved: string[] = []
  let furthest = -1
  for (const path of order) {
    const at = place.get(path) as number
    if (at < furthest && isPlanned.has(path)) moved.push(path)
    furthest = Math.max(furthest, at)
  }
  return { order, moved }
}

/** What has to stand before each file; no circles. */
type Needs = ReadonlyMap<string, readonly string[]>

/** Each file of a component needs the one before it, and the first of them the last of every component it depends on. */
function needsOf({ order, components, dependencies }: RepositorySnapshot): Needs {
  const rank = rankOf(order)
  const needs = new Map<string, string[]>(order.map((path) => [path, []]))
  const ends = new Map<string, { first: string; last: string }>()
  for (const component of components) {
    const sorted = [...component].sort((a, b) => (rank.get(a) as number) - (rank.get(b) as number))
    const [first, last] = [sorted[0] as string, sorted.at(-1) as string]
    sorted.forEach((path, at) => {
      ends.set(path, { first, last })
      if (at > 0) needs.get(path)?.push(sorted[at - 1] as string)
    })
  }
  for (const [from, to] of dependencies) {
    const [user, used] = [ends.get(from), ends.get(to)]
    if (user !== undefined && used !== undefined && user.first !== used.first) needs.get(user.first)?.push(used.last)
  }
  return needs
}

const rankOf = (order: readonly string[]): Map<string, number> => new Map(order.map((path, at) => [path, at]))

/** Where a file is wanted: at a place of the plan, before it (0), as the plan has it (1) or behind it (2). */
type Place = readonly [at: number, side: 0 | 1 | 2]

/** The plan with the files that it lacks: before the first file that needs them, else behind their neighbour in the snapshot. */
function withMissing({ order }: RepositorySnapshot, planned: readonly string[], needs: Needs): string[] {
  const places = new Map<string, Place>(planned.map((path, at) => [path, [at, 1]]))
  const isMissing = (path: string): boolean => places.get(path)?.[1] !== 1
  for (const path of order.toReversed()) {
    const own = places.get(path)
    if (own === undefined) continue
    for (const needed of needs.get(path) ?? []) {
      const before = places.get(needed)
      if (isMissing(needed) && (before === undefined || own[0] < before[0])) places.set(needed, [own[0], 0])
    }
  }
  let neighbour: Place = [-1, 2]
  for (const path of order) {
    const place: Place = places.get(path) ?? [neighbour[0], neighbour[1] === 0 ? 0 : 2]
    places.set(path, place)
    neighbour = place
  }
  const rank = rankOf(order)
  const compare = (a: string, b: string): number => {
    const [one, two] = [places.get(a) as Place, places.get(b) as Place]
    return one[0] - two[0] || one[1] - two[1] || (rank.get(a) as number) - (rank.get(b) as number)
  }
  return [...order].sort(compare)
}

/** Kahn's algorithm; of the files that are ready, the first in `wanted` comes next. */
function sortStably(wanted: readonly string[], needs: Needs): string[] {
  const place = rankOf(wanted)
  const waitingFor = wanted.map((path) => needs.get(path)?.length ?? 0)
  const neededBy = wanted.map((): number[] => [])
  wanted.forEach((path, at) => {
    for (const needed of needs.get(path) ?? []) neededBy[place.get(needed) as number]?.push(at)
  })
  const ready = waitingFor.flatMap((count, at) => (count === 0 ? [at] : []))
  const order: string[] = []
  for (let at = ready.shift(); at !== undefined; at = ready.shift()) {
    order.push(wanted[at] as string)
    for (const user of neededBy[at] ?? []) {
      waitingFor[user] = (waitingFor[user] as number) - 1
      if (waitingFor[user] === 0) insertSorted(ready, user)
    }
  }
  return order
}

function insertSorted(list: number[], value: number): void {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle] as number) < value) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, value)
}
