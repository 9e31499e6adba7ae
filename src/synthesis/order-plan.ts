import { topologicalOrder } from '../grounding/index.js'
import type { RepositorySnapshot } from '../records/index.js'

export interface OrderedPlan {
  /** Every file once, each after what it depends on. */
  order: string[]
  /** Planned files that now stand after a file that the plan had after them. */
  moved: string[]
}

/**
 * Completes a plan's order and changes it as little as the graph allows: of the files that could come next, the file
 * that the plan names first does. A component comes after all that it depends on; inside a cycle the files keep the
 * order of the snapshot, which breaks the cycle where it is thinnest.
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

/** For each file, the files that must stand before it; without a cycle. */
type Needs = ReadonlyMap<string, readonly string[]>

/** Each file of a component needs the file before it; the first needs the last file of every component it depends on. */
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

/** Where a file should stand: before a place of the plan (0), at it (1) or after it (2). */
type Place = readonly [at: number, side: 0 | 1 | 2]

/** The plan with the files that it lacks: before the first file that needs them, else after their neighbour in the snapshot. */
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
    const [placeA, placeB] = [places.get(a) as Place, places.get(b) as Place]
    return placeA[0] - placeB[0] || placeA[1] - placeB[1] || (rank.get(a) as number) - (rank.get(b) as number)
  }
  return [...order].sort(compare)
}

/** Each file after what it needs; of the files that could come next, the first in `wanted` does. */
function sortStably(wanted: readonly string[], needs: Needs): string[] {
  const place = rankOf(wanted)
  const placesNeeded = wanted.map((path) => (needs.get(path) ?? []).map((needed) => place.get(needed) as number))
  return topologicalOrder(placesNeeded, (a, b) => a - b).map((at) => wanted[at] as string)
}
