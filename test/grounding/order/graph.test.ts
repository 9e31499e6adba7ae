import fc from 'fast-check'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { graphOf, stronglyConnectedComponents, type Graph } from '../../../src/grounding/order/graph.js'
import { implementationOrder } from '../../../src/grounding/order/implementation-order.js'

const test = suite('graph')

const randomGraph = fc.integer({ min: 1, max: 14 }).chain((size) => {
  const node = fc.integer({ min: 0, max: size - 1 }).map((at) => `f${at}`)
  return fc.record({
    nodes: fc.constant(Array.from({ length: size }, (_, at) => `f${at}`)),
    edges: fc.array(fc.tuple(node, node), { maxLength: 30 }),
  })
})

/** All nodes that can be reached over one or more edges, by a plain search. */
function reachable(graph: Graph, from: string): Set<string> {
  const seen = new Set<string>()
  const open = [...(graph.get(from) ?? [])]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    open.push(...(graph.get(node) ?? []))
  }
  return seen
}

test('two files share a component exactly when each reaches the other', () => {
  let cycles = 0
  fc.assert(
    fc.property(randomGraph, ({ nodes, edges }) => {
      const graph = graphOf(nodes, edges)
      const components = stronglyConnectedComponents(graph)
      assert.equal(components.flat().sort(), [...nodes].sort())
      const componentOf = new Map(components.flatMap((component, at) => component.map((node) => [node, at] as const)))
      cycles += components.filter((component) => component.length > 1).length
      for (const a of nodes) {
        for (const b of nodes) {
          const together = a === b || (reachable(graph, a).has(b) && reachable(graph, b).has(a))
          assert.is(componentOf.get(a) === componentOf.get(b), together, `${a} and ${b}`)
        }
      }
    }),
  )
  assert.ok(cycles > 0, 'no random graph had a cycle')
})

test('an implementation order has every file once and no component before what it depends on', () => {
  let edgesSeen = 0
  fc.assert(
    fc.property(randomGraph, fc.integer({ min: 1, max: 3 }), ({ nodes, edges }, ranks) => {
      const graph = graphOf(nodes, edges)
      const { components, order } = implementationOrder(graph, (path) => path.length % ranks)
      assert.equal([...order].sort(), [...nodes].sort())
      assert.equal(components.flat().length, nodes.length)
      const place = new Map(components.flatMap((component, at) => component.map((node) => [node, at] as const)))
      const line = new Map(order.map((node, at) => [node, at]))
      for (const [from, targets] of graph) {
        for (const to of targets) {
          edgesSeen++
          const [user, used] = [place.get(from) as number, place.get(to) as number]
          assert.ok(user >= used, `${from} comes before ${to}`)
          if (user !== used) assert.ok((line.get(from) as number) > (line.get(to) as number))
        }
      }
    }),
  )
  assert.ok(edgesSeen > 0)
})

test('the order does not depend on the order in which files and edges are given', () => {
  fc.assert(
    fc.property(randomGraph, fc.infiniteStream(fc.nat()), ({ nodes, edges }, keys) => {
      const shuffled = <T>(list: readonly T[]): T[] => {
        const keyed = list.map((value) => ({ value, key: keys.next().value as number }))
        return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value)
      }
      const rank = (): number => 0
      const once = implementationOrder(graphOf(nodes, edges), rank)
      const again = implementationOrder(graphOf(shuffled(nodes), shuffled(edges)), rank)
      assert.equal(again, once)
    }),
  )
})

test('free files come in order of path, and a cycle begins where least is missing', () => {
  const graph = graphOf(
    ['z', 'b', 'a', 'hub', 'leaf'],
    [
      ['hub', 'leaf'],
      ['hub', 'a'],
      ['leaf', 'hub'],
      ['a', 'hub'],
    ],
  )
  // `a` and `leaf` miss one file and `hub` misses two; after `a`, `hub` and `leaf` miss one each.
  assert.equal(implementationOrder(graph, () => 0).order, ['a', 'hub', 'leaf', 'b', 'z'])
})

test('a chain of ten thousand files does not overflow the stack', () => {
  const nodes = Array.from({ length: 10_000 }, (_, at) => `f${String(at).padStart(5, '0')}`)
  const edges = nodes.slice(1).map((node, at) => [nodes[at] as string, node] as [string, string])
  const { order } = implementationOrder(graphOf(nodes, edges), () => 0)
  assert.equal(order, [...nodes].reverse())
})

test.run()
