import { byCodeUnits } from '../languages/language-of.js'

/** `[from, to]`: `from` needs `to`. */
export type Dependency = readonly [string, string]

/** Files and what each needs, without self-loops; every end of an edge is a node. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>

export function graphOf(nodes: Iterable<string>, dependencies: Iterable<Dependency>): Graph {
  const graph = new Map<string, Set<string>>()
  for (const node of [...nodes].sort(byCodeUnits)) graph.set(node, new Set())
  for (const [from, to] of dependencies) if (from !== to && graph.has(to)) graph.get(from)?.add(to)
  return graph
}

/**
 * Strongly connected components, each sorted (Tarjan 1972, "Depth-first search and linear graph algorithms"; with a
 * stack of its own, since a chain of imports may be longer than the call stack).
 */
export function stronglyConnectedComponents(graph: Graph): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const open: string[] = []
  const isOpen = new Set<string>()
  const components: string[][] = []

  const enter = (node: string): { node: string; rest: Iterator<string> } => {
    index.set(node, index.size)
    low.set(node, index.size - 1)
    open.push(node)
    isOpen.add(node)
    return { node, rest: (graph.get(node) ?? new Set<string>()).values() }
  }
  const lower = (node: string, value: number): void => void low.set(node, Math.min(low.get(node) as number, value))

  for (const root of graph.keys()) {
    if (index.has(root)) continue
    const calls = [enter(root)]
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const next = call.rest.next()
      if (!next.done) {
        if (!index.has(next.value)) calls.push(enter(next.value))
        else if (isOpen.has(next.value)) lower(call.node, index.get(next.value) as number)
        continue
      }
      calls.pop()
      const caller = calls.at(-1)
      if (caller !== undefined) lower(caller.node, low.get(call.node) as number)
      if (low.get(call.node) !== index.get(call.node)) continue
      const component = open.splice(open.indexOf(call.node))
      for (const node of component) isOpen.delete(node)
      components.push(component.sort(byCodeUnits))
    }
  }
  return components
}

/** Components in the order in which to write them, and the files of all of them in one line. */
export interface ImplementationOrder {
  components: string[][]
  order: string[]
}

/**
 * Puts every component after all that it depends on. Of those that could come next, the lowest rank comes first,
 * then the lowest path.
 *
 * @param isWeak whether a need of one file for another may wait where not all needs in a cycle can be met
 */
export function implementationOrder(
  graph: Graph,
  rankOf: (path: string) => number,
  isWeak: (from: string, to: string) => boolean = () => false,
): ImplementationOrder {
  const found = stronglyConnectedComponents(graph)
  const componentOf = new Map(found.flatMap((component, at) => component.map((node) => [node, at] as const)))
  const waitingFor = found.map(() => 0)
  const neededBy = found.map(() => new Set<number>())
  for (const [from, targets] of graph) {
    for (const to of targets) {
      const [user, used] = [componentOf.get(from) as number, componentOf.get(to) as number]
      if (user === used || neededBy[used]?.has(user)) continue
      neededBy[used]?.add(user)
      waitingFor[user] = (waitingFor[user] as number) + 1
    }
  }

  const rank = found.map((component) => Math.min(...component.map(rankOf)))
  const before = (a: number, b: number): number =>
    (rank[a] as number) - (rank[b] as number) || byCodeUnits(found[a]?.[0] as string, found[b]?.[0] as string)
  const ready = found.map((_, at) => at).filter((at) => waitingFor[at] === 0)
  ready.sort(before)
  const components: string[][] = []
  for (let at = ready.shift(); at !== undefined; at = ready.shift()) {
    components.push(found[at] as string[])
    for (const user of neededBy[at] ?? []) {
      waitingFor[user] = (waitingFor[user] as number) - 1
      if (waitingFor[user] === 0) insertSorted(ready, user, before)
    }
  }
  return { components, order: components.flatMap((component) => orderWithin(component, graph, isWeak)) }
}

/** Breaks a cycle where it is thinnest: always the file that misses the fewest strong needs, then the fewest of all. */
function orderWithin(
  component: readonly string[],
  graph: Graph,
  isWeak: (from: string, to: string) => boolean,
): string[] {
  const missing = new Map(component.map((node) => [node, { strong: 0, all: 0 }]))
  const usersOf = new Map<string, { node: string; strong: number }[]>(component.map((node) => [node, []]))
  for (const node of component) {
    const own = missing.get(node) as { strong: number; all: number }
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
    const [first, ...others] = missing
    let best = first as NonNullable<typeof first>
    for (const one of others) {
      const [[node, needs], [bestNode, bestNeeds]] = [one, best]
      const lead = needs.strong - bestNeeds.strong || needs.all - bestNeeds.all || byCodeUnits(node, bestNode)
      if (lead < 0) best = one
    }
    missing.delete(best[0])
    order.push(best[0])
    for (const user of usersOf.get(best[0]) ?? []) {
      const needs = missing.get(user.node)
      if (needs === undefined) continue
      needs.strong -= user.strong
      needs.all--
    }
  }
  return order
}

function insertSorted(list: number[], value: number, before: (a: number, b: number) => number): void {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (before(list[middle] as number, value) < 0) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, value)
}
