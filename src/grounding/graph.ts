import { byCodeUnits } from './languages.js'

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
 */
export function implementationOrder(graph: Graph, rankOf: (path: string) => number): ImplementationOrder {
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
  return { components, order: components.flatMap((component) => orderWithin(component, graph)) }
}

/** Breaks a cycle where it is thinnest: always the file with the fewest dependencies that are still to be written. */
function orderWithin(component: readonly string[], graph: Graph): string[] {
  const missing = new Map(component.map((node) => [node, 0]))
  const usersOf = new Map<string, string[]>(component.map((node) => [node, []]))
  for (const node of component) {
    for (const to of graph.get(node) ?? []) {
      if (!missing.has(to)) continue
      missing.set(node, (missing.get(node) as number) + 1)
      usersOf.get(to)?.push(node)
    }
  }
  const order: string[] = []
  while (missing.size > 0) {
    let best: string | undefined
    for (const [node, count] of missing) {
      const lead = best === undefined ? -1 : count - (missing.get(best) as number) || byCodeUnits(node, best)
      if (lead < 0) best = node
    }
    missing.delete(best as string)
    order.push(best as string)
    for (const user of usersOf.get(best as string) ?? []) {
      const count = missing.get(user)
      if (count !== undefined) missing.set(user, count - 1)
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
