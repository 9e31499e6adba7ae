import { byCodeUnits } from './code-units.js'

/** `[from, to]`: `from` needs `to`. */
type Dependency = readonly [string, string]

/** Files and the files that each needs, without self-loops; both ends of every edge are nodes. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>

export function graphOf(nodes: Iterable<string>, dependencies: Iterable<Dependency>): Graph {
  const graph = new Map<string, Set<string>>()
  for (const node of [...nodes].sort(byCodeUnits)) graph.set(node, new Set())
  for (const [from, to] of dependencies) if (from !== to && graph.has(to)) graph.get(from)?.add(to)
  return graph
}

/**
 * Strongly connected components, each sorted (Tarjan 1972, "Depth-first search and linear graph algorithms"). The stack
 * is an array, since a chain of imports may be longer than the call stack.
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
