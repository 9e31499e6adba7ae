import * as fc from 'fast-check'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { createNarrator, type Generator, type Overview } from '../../src/generation/index.js'
import { graphOf } from '../../src/grounding/order/graph.js'
import { implementationOrder } from '../../src/grounding/order/implementation-order.js'
import type { FileRecord, RepositorySnapshot } from '../../src/records/index.js'
import { checkPlan } from '../../src/synthesis/check-plan.js'
import { makePlan } from '../../src/synthesis/make-plan.js'
import { orderPlan } from '../../src/synthesis/order-plan.js'

const test = suite('plan')

type Edge = [from: string, to: string]
type Entry = Overview['files'][number]

/** A repository with these files, which are empty, and these dependencies. */
function snapshotOf(paths: readonly string[], edges: readonly Edge[]): RepositorySnapshot {
  const file = (path: string): FileRecord => ({
    path,
    blob: '0'.repeat(64),
    sizeBytes: 1,
    lines: 1,
    language: 'text',
    outlineFrom: 'lines',
    parseNote: '',
    doc: '',
    outline: [],
    imports: [],
  })
  return {
    schemaVersion: 2,
    id: 'made',
    name: 'made',
    source: { kind: 'folder', digest: '0'.repeat(64), commit: null },
    about: { title: '', summary: '', keywords: [] },
    licence: { expression: '', evidence: [] },
    files: [...paths].sort().map(file),
    skipped: [],
    dependencies: [...edges],
    ...implementationOrder(graphOf(paths, edges), () => 0),
    importCounts: { file: 0, external: 0, unresolved: 0 },
    importCountsByLanguage: {},
  }
}

interface Script {
  generator: Generator
  asked: { problems: readonly string[]; wanted: readonly string[] | undefined }[]
}

/** A generator that gives these plans one after the other. */
function writerOf(...plans: Entry[][]): Script {
  const asked: Script['asked'] = []
  const overview: Generator['overview'] = (_snapshot, problems, wanted) => {
    asked.push({ problems, wanted })
    const at = asked.length
    const files = plans[at - 1] ?? []
    return Promise.resolve({ requirements: `r${at}`, approach: `a${at}`, files, calls: [String(at)] })
  }
  return { asked, generator: { ...createNarrator(), overview, purpose: (_, path) => `by code: ${path}` } }
}

const entry = (path: string): Entry => ({ path, purpose: `for ${path}` })
const pathsOf = (entries: readonly Entry[]): string[] => entries.map(({ path }) => path)

/** The files that can be reached from each file; computed here, so that the graph code of grounding does not test itself. */
function reachable(paths: readonly string[], edges: readonly Edge[]): Map<string, Set<string>> {
  return new Map(
    paths.map((path) => {
      const seen = new Set<string>()
      const open = [path]
      for (let at = open.pop(); at !== undefined; at = open.pop()) {
        for (const [from, to] of edges) {
          if (from !== at || seen.has(to)) continue
          seen.add(to)
          open.push(to)
        }
      }
      return [path, seen]
    }),
  )
}

/** The first pair of files in the wrong order, or an empty string. */
function disorder(order: readonly string[], { order: known }: RepositorySnapshot, edges: readonly Edge[]): string {
  const place = new Map(order.map((path, at) => [path, at]))
  const reach = reachable(known, edges)
  for (const [at, first] of known.entries()) {
    for (const second of known.slice(at + 1)) {
      const [needs, isNeeded] = [reach.get(second)?.has(first), reach.get(first)?.has(second)]
      // One needs the other, or both are in a cycle, in which the order of the snapshot holds.
      if ((needs || isNeeded) && (place.get(first) as number) > (place.get(second) as number))
        return `${second} before ${first}`
    }
  }
  return ''
}

const graphs = fc
  .integer({ min: 1, max: 12 })
  .chain((count) =>
    fc.record({
      paths: fc.constant(Array.from({ length: count }, (_, at) => `f${at}.ts`)),
      edges: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: count * 2 }),
    }),
  )
  .map(({ paths, edges }) => {
    const named = edges.filter(([a, b]) => a !== b).map(([a, b]): Edge => [`f${a}.ts`, `f${b}.ts`])
    return { paths, edges: [...new Map(named.map((edge) => [edge.join(), edge])).values()] }
  })

/** Plans with missing, repeated and unknown files, without a purpose, in any order and spelling. */
const brokenPlan = (paths: readonly string[]): fc.Arbitrary<Entry[]> =>
  fc.array(
    fc.record({
      path: fc.oneof(
        fc.constantFrom(...paths),
        fc.constantFrom(...paths).map((path) => `./${path}`),
        fc.constantFrom('nowhere.ts', '', 'made/none.ts', '../f0.ts'),
      ),
      purpose: fc.constantFrom('serves', 'serves others', ' '),
    }),
    { maxLength: 30 },
  )

test('whatever the writer says, the plan names each file once, in an order that respects the components', async () => {
  let mended = 0
  const cases = graphs.chain((graph) => {
    const plans = fc.array(brokenPlan(graph.paths), { minLength: 1, maxLength: 3 })
    return fc.record({ graph: fc.constant(graph), plans })
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ graph: { paths, edges }, plans }) => {
      const snapshot = snapshotOf(paths, edges)
      const { asked, generator } = writerOf(...plans)
      const { plan } = await makePlan(snapshot, generator)
      assert.equal(pathsOf(plan.files).sort(), [...paths].sort())
      assert.is(disorder(pathsOf(plan.files), snapshot, edges), '')
      assert.ok(plan.files.every(({ purpose }) => purpose.trim() !== ''))
      assert.ok(plan.repairs.askedAgain <= 2 && asked.length === plan.repairs.askedAgain + 1)
      assert.equal(
        plan.calls,
        asked.map((_, at) => String(at + 1)),
      )
      const byCode = plan.files.filter(({ purpose }) => purpose.startsWith('by code'))
      assert.equal(pathsOf(byCode).sort(), [...plan.repairs.added].sort())
      if (plan.repairs.moved.length > 0) mended++
    }),
    { numRuns: 400 },
  )
  assert.ok(mended > 20, `only ${mended} of the plans had a wrong order: the test saw too little`)
})

test('a plan that was right comes out as it was', async () => {
  let others = 0
  const cases = graphs.chain((graph) =>
    fc.record({ graph: fc.constant(graph), shuffle: fc.array(fc.nat(), { minLength: 12, maxLength: 12 }) }),
  )
  await fc.assert(
    fc.asyncProperty(cases, async ({ graph: { paths, edges }, shuffle }) => {
      const snapshot = snapshotOf(paths, edges)
      // A random valid order: each next file is one that needs none of the remaining files.
      const right: string[] = []
      const rest = [...snapshot.order]
      for (const draw of shuffle.slice(0, paths.length)) {
        const next = rest.filter((path) => disorder([...right, path, ...without(rest, path)], snapshot, edges) === '')
        const chosen: string = next[draw % next.length] ?? rest[0]!
        right.push(chosen)
        rest.splice(rest.indexOf(chosen), 1)
      }
      if (right.join() !== snapshot.order.join()) others++
      const { plan, requirements } = await makePlan(snapshot, writerOf(right.map(entry)).generator)
      assert.equal(plan.files, right.map(entry))
      assert.equal(plan.repairs, { askedAgain: 0, added: [], dropped: [], moved: [] })
      assert.equal([requirements, plan.approach], ['r1', 'a1'])
    }),
    { numRuns: 200 },
  )
  assert.ok(others > 30, `only ${others} plans had an order of their own`)
})

const without = (list: readonly string[], path: string): string[] => list.filter((candidate) => candidate !== path)

test("the plan's own order stays wherever the graph allows it", () => {
  const snapshot = snapshotOf(['a', 'b', 'c', 'd', 'e'], [['d', 'b']])
  assert.equal(orderPlan(snapshot, ['e', 'd', 'c', 'b', 'a']), { order: ['e', 'c', 'b', 'd', 'a'], moved: ['d'] })
})

test('what needs a moved file moves with it, and both are listed', () => {
  const edges: Edge[] = [
    ['app', 'core'],
    ['cli', 'app'],
  ]
  const snapshot = snapshotOf(['app', 'cli', 'core', 'x'], edges)
  assert.equal(orderPlan(snapshot, ['app', 'cli', 'x', 'core']), {
    order: ['x', 'core', 'app', 'cli'],
    moved: ['app', 'cli'],
  })
})

test('a file that is missing stands before the first that needs it, and moves nothing', () => {
  const snapshot = snapshotOf(
    ['a', 'base', 'm', 'n', 'z'],
    [
      ['m', 'base'],
      ['n', 'base'],
    ],
  )
  assert.equal(orderPlan(snapshot, ['z', 'n', 'a', 'm']), { order: ['z', 'base', 'n', 'a', 'm'], moved: [] })
  assert.equal(orderPlan(snapshot, ['z', 'base', 'n', 'm']).order.indexOf('a'), 0)
})

test('inside a cycle the order of the snapshot holds, and nothing that needs the cycle comes before its end', () => {
  const edges: Edge[] = [
    ['a', 'b'],
    ['b', 'a'],
    ['b', 'c'],
    ['user', 'a'],
  ]
  const snapshot = snapshotOf(['a', 'b', 'c', 'user'], edges)
  const [first, second] = snapshot.order.filter((path) => path === 'a' || path === 'b')
  const { order } = orderPlan(snapshot, ['user', 'b', 'a', 'c'])
  assert.equal(order, ['c', first, second, 'user'])
})

test('entries are matched by path, and what names nothing or a file again is listed as it was said', () => {
  const snapshot = snapshotOf(['src/a.ts', 'b.ts', 'c.ts'], [])
  const entries = ['made/b.ts', '`b.ts`', 'src\\a.ts', 'x.ts', 'y'.repeat(5_000)].map(entry)
  const checked = checkPlan(snapshot, [{ path: 'src/a.ts', purpose: '' }, ...entries])
  assert.equal(pathsOf(checked.entries), ['b.ts', 'src/a.ts'])
  assert.equal(checked.dropped, ['`b.ts`', 'x.ts', 'y'.repeat(200)])
  assert.equal(checked.missing, ['c.ts'])
})

test('it asks again for what is missing, in words, at most twice, and adds the rest by code', async () => {
  const snapshot = snapshotOf(['a', 'b', 'c', 'd'], [['d', 'c']])
  const { asked, generator } = writerOf(['d', 'q'].map(entry), ['d', 'b', 'w'].map(entry), ['a'].map(entry))
  const { plan, requirements } = await makePlan(snapshot, generator)
  assert.equal(asked[0], { problems: [], wanted: undefined })
  assert.equal(asked[1], {
    problems: ['3 of the 4 files have no entry with a purpose.', 'No file to plan is called "q".'],
    wanted: ['a', 'b', 'c'],
  })
  assert.equal(asked[2]?.wanted, ['a', 'c'])
  assert.is(asked.length, 3)
  assert.equal(plan.repairs, { askedAgain: 2, added: ['c'], dropped: ['q', 'w'], moved: [] })
  assert.equal(
    plan.files.find(({ path }) => path === 'c'),
    { path: 'c', purpose: 'by code: c' },
  )
  assert.equal([requirements, plan.approach, plan.calls], ['r1', 'a1', ['1', '2', '3']])
})

test('it does not ask a second time where the first brought nothing', async () => {
  const snapshot = snapshotOf(['a', 'b'], [])
  const { asked, generator } = writerOf([], [], ['a'].map(entry))
  const { plan } = await makePlan(snapshot, generator)
  assert.is(asked.length, 2)
  assert.equal(plan.repairs.added, ['a', 'b'])
})

test('a plan of 5,000 files in a long chain, backwards and half of it missing, is mended', () => {
  const paths = Array.from({ length: 5_000 }, (_, at) => `f${String(at).padStart(4, '0')}`)
  const edges = paths.slice(1).map((path, at): Edge => [path, paths[at] as string])
  const snapshot = snapshotOf(paths, edges)
  const planned = paths.filter((_, at) => at % 2 === 1).reverse()
  const { order, moved } = orderPlan(snapshot, planned)
  assert.equal(order, paths)
  assert.is(moved.length, planned.length - 1)
})

test.run()
