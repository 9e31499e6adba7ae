import { byCodeUnits } from './code-units.js'
import { stronglyConnectedComponents, type Graph } from './graph.js'
import { topologicalOrder } from './topological-order.js'

/** Whether `from` may be written before `to`, although it needs it. */
type IsWeak = (from: string, to: string) => boolean

interface ImplementationOrder {
  /** Strongly connected components, each after all that it depends on. */
  components: string[][]
  /** The files of all components, in the order in which to write them. */
  order: string[]
}

/**
 * Puts every component after all that it depends on. Of those that could come next, the lowest rank comes first,
 * then the lowest path.
 *
 * @param isWeak decides which needs are left unmet first, where not all needs in a cycle can be met
 */
export function implementationOrder(
  graph: Graph,
  rankOf: (path: string) => number,
  isWeak: IsWeak = () => false,
): ImplementationOrder {
  const found = stronglyConnectedComponents(graph)
  const rank = found.map((component) => Math.min(...component.map(rankOf)))
  const compare = (a: number, b: number): number =>
    (rank[a] as number) - (rank[b] as number) || byCodeUnits(found[a]?.[0] as string, found[b]?.[0] as string)
  const components = topologicalOrder(needsOf(found, graph), compare).map((at) => found[at] as string[])
  return { components, order: components.flatMap((component) => orderWithin(component, graph, isWeak)) }
}

/** For each component, the places in the list of the components that it depends on. */
function needsOf(components: readonly (readonly string[])[], graph: Graph): Set<number>[] {
  const placeOf = new Map(components.flatMap((component, at) => component.map((node) => [node, at] as const)))
  const needs = components.map(() => new Set<number>())
  for (const [from, targets] of graph) {
    const user = placeOf.get(from) as number
    for (const to of targets) {
      const used = placeOf.get(to) as number
      if (user !== used) needs[user]?.add(used)
    }
  }
  return needs
}

/** The needs of a file that no file before it meets. */
interface Missing {
  strong: number
  all: number
}

/** Breaks a cycle where it is thinnest: the next file is the one that misses the fewest strong needs, then the fewest needs. */
function orderWithin(component: readonly string[], graph: Graph, isWeak: IsWeak): string[] {
  const missing = new Map(component.map((node): [string, Missing] => [node, { strong: 0, all: 0 }]))
  const usersOf = new Map(component.map((node): [string, { node: string; strong: number }[]] => [node, []]))
  for (const [node, own] of missing) {
    for (const to of graph.get(node) ?? []) {
      if (!missing.has(to)) continue
      const strong = isWeak(node, to) ? 0 : 1
      own.strong += strong
      own.all++
      usersOf.get(to)?.push({ node, strong })
    }
  }
  const order: string[] = []
  while (missing.size > 0) {
    const next = thinnest(missing)
    missing.delete(next)
    order.push(next)
    for (const user of usersOf.get(next) ?? []) {
      const needs = missing.get(user.node)
      if (needs === undefined) continue
      needs.strong -= user.strong
      needs.all--
    }
  }
  return order
}

function thinnest(missing: ReadonlyMap<string, Missing>): string {
  const compare = ([a, x]: [string, Missing], [b, y]: [string, Missing]): number =>
    x.strong - y.strong || x.all - y.all || byCodeUnits(a, b)
  const [best] = [...missing].reduce((least, entry) => (compare(entry, least) < 0 ? entry : least))
  return best
}
