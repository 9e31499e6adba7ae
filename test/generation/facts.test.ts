import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../src/core/index.js'
import { createNarrator, factsFor, thoughtOfFacts, type ThoughtRequest } from '../../src/generation/index.js'
import { checkFacts } from '../../src/generation/narrator/declaration-facts.js'
import { fileNames } from '../../src/generation/narrator/file-names.js'
import { namesOf } from '../../src/generation/narrator/item-names.js'
import { baseNames, parameterNames, returnType } from '../../src/generation/narrator/outline-facts.js'
import { groundingOptionsSchema, groundRepository } from '../../src/grounding/index.js'
import type { FileRecord, OutlineItem } from '../../src/records/index.js'
import { writeRepository } from '../support.js'

const test = suite('facts')
const snapshot = await groundRepository(
  writeRepository({
    'package.json': '{ "name": "facts" }',
    LICENSE: 'Copyright (c) 2017 by somebody\n',
    'index.ts': "export * from './fp/index.js'\nexport { sortBy } from './sortBy.js'\n",
    'sortBy.ts': "import { sortBy as inner } from './fp/sortBy.js'\nexport const sortBy = inner\n",
    'fp/index.ts': "export { sortBy } from './sortBy.js'\n",
    'fp/sortBy.ts': "import { late } from '../circle.js'\nexport const sortBy = (a: number): number => late(a)\n",
    'circle.ts': "import { sortBy } from './fp/sortBy.js'\nexport const late = (a: number): number => sortBy(a)\n",
    'sum.ts': [
      'export function add(a: number): number',
      'export function add(a: string): string',
      'export function add(a: unknown): unknown {',
      '  return a',
      '}',
      'export class Box {',
      '  /** The size of the box. */',
      '  get size(): number { return 1 }',
      '  /** The size of the box. */',
      '  set size(value: number) {}',
      '}',
      'const { one, two } = { one: 1, two: 2 }',
      '',
    ].join('\n'),
    'default.ts': 'const hidden = 1\nexport default function (a: number): number {\n  return a + hidden\n}\n',
    'encoder.py': 'class Encoder:\n    def default(self, o):\n        return o\n',
    'sum.test.ts': [
      "import { add } from './sum.js'",
      "test('adds two numbers', () => { add(1) })",
      "test('adds `text` too', () => { add('a') })",
      "test('a name that is far too long to be told in a sentence about tests', () => {})",
      "process.on('exit', () => {})",
      "it('stays small', () => {})",
      '',
    ].join('\n'),
  }),
  groundingOptionsSchema.parse({}),
  memoryBlobStore(),
)

function requestFor(path: string): ThoughtRequest {
  const file = snapshot.files.find((candidate) => candidate.path === path) as FileRecord
  const written = new Set(snapshot.order.slice(0, snapshot.order.indexOf(path)))
  const leadsTo = { kind: 'code' as const, start: 0, end: file.sizeBytes, code: null }
  return { snapshot, path, purpose: '', written, read: [], leadsTo }
}

const textOf = (path: string): string => thoughtOfFacts(factsFor(requestFor(path))).text

const item = (signature: string, over: Partial<OutlineItem> = {}): OutlineItem => ({
  ...{ kind: 'class', name: 'A', signature, doc: '', start: 0, end: 1, exported: true, children: [] },
  ...over,
})

test('overloads and accessors are told once, and every thought can be told again from its ids', async () => {
  for (const path of snapshot.order) {
    const facts = factsFor(requestFor(path))
    assert.is(new Set(facts.map((fact) => fact.id)).size, facts.length, path)
    const thought = await createNarrator().thought(requestFor(path))
    assert.equal(thoughtOfFacts(thought.facts.flatMap((id) => facts.find((fact) => fact.id === id) ?? [])), thought)
  }
  assert.is(textOf('sum.ts').match(/`add` takes/g)?.length, 1)
  assert.is(textOf('sum.ts').match(/As for `Box\.size`/g)?.length, 1)
})

test('a statement of several names is told as several names', () => {
  assert.match(textOf('sum.ts'), /the values `one` and `two`/)
  assert.equal(namesOf(item('', { kind: 'variable', name: 'a, b' })), ['a', 'b'])
  assert.equal(namesOf(item('', { kind: 'export', name: '* as z, *, {}, …' })), ['z'])
})

test('a file is named with its folder where its own name says too little', () => {
  assert.equal(fileNames(['fp/sortBy.js', 'a/index.js', 'b/index.js', 'c.js'], 'sortBy.js'), [
    'fp/sortBy.js',
    'a/index.js',
    'b/index.js',
    'c.js',
  ])
  assert.equal(fileNames(['fp/index.js', 'pkg/__init__.py', 'a/b.js']), ['fp/index.js', 'pkg/__init__.py', 'b.js'])
  assert.equal(fileNames(['x/a/index.js', 'y/a/index.js']), ['x/a/index.js', 'y/a/index.js'])
  assert.match(textOf('sortBy.ts'), /From fp\/sortBy\.ts I take `sortBy`/)
  assert.match(textOf('index.ts'), /It builds on fp\/index\.ts\./)
  const read = factsFor({ ...requestFor('sortBy.ts'), leadsTo: { kind: 'read', paths: ['fp/sortBy.ts'] } })
  assert.match(read[0]?.text ?? '', /^Before I write sortBy\.ts, I look at fp\/sortBy\.ts to see/)
})

test('a circle is called a circle', () => {
  const texts = `${textOf('circle.ts')} ${textOf('fp/sortBy.ts')}`
  assert.match(texts, /still to be written, as they need each other in a circle\./)
})

test('a default export is called so, a method by the name of default is not', () => {
  assert.match(textOf('default.ts'), /I write the value `hidden` and a default export\./)
  assert.match(
    textOf('default.ts'),
    /Only the default export can be seen from outside\. .*The default export takes `a`\./,
  )
  assert.match(textOf('encoder.py'), /`Encoder\.default` takes `o`\./)
})

test('a licence is called a licence', () => assert.match(textOf('LICENSE'), /What it is for: the licence\./))

test('what a test file checks is told by the names of its tests', () => {
  const fact = factsFor(requestFor('sum.test.ts')).find(({ id }) => id === 'checks')
  assert.is(fact?.text, 'It checks `adds two numbers`, `stays small` and two more.')
  assert.is(fact?.role, 'first')
  const file = snapshot.files.find((candidate) => candidate.path === 'sum.test.ts') as FileRecord
  assert.equal(checkFacts({ ...file, path: 'sum.ts' }, file.outline), [])
  assert.equal(checkFacts({ ...file, outlineFrom: 'lines' }, file.outline), [])
})

test('nothing is said to be the only export where a whole module is passed on', () => {
  const all = [
    item('', { kind: 'export', name: '*' }),
    item('', { name: 'B' }),
    item('', { name: 'C', exported: false }),
  ]
  const outline = all.map((declared, at) => ({ ...declared, start: at, end: at + 1 }))
  const files = snapshot.files.map((file) => (file.path === 'sum.ts' ? { ...file, outline } : file))
  const facts = factsFor({ ...requestFor('sum.ts'), snapshot: { ...snapshot, files } })
  assert.is(
    facts.some(({ id }) => id === 'exports'),
    false,
  )
})

test('sections that are markup and no headings are dropped', () => {
  const names = ['<h1 align="center">', '.. code-block:: python', ':orphan:', '---', 'sidebar_position: 4', '> Back']
  for (const name of names) assert.equal(namesOf(item('', { kind: 'section', name })), [], name)
  assert.equal(namesOf(item('', { kind: 'section', name: 'Using `add`, and more' })), ['Using add, and more'])
})

test('type parameters are no bases and hide no parameters', () => {
  assert.equal(baseNames(item('class A<T extends string = "a"> extends B<T, C<T>> implements D<T>')), ['B', 'D'])
  assert.equal(baseNames(item('interface A<T extends (x: B) => C> extends D')), ['D'])
  assert.equal(baseNames(item('export interface A<T extends string>')), [])
  assert.equal(baseNames(item('class A[T: (int, str)](Base[T])')), ['Base'])
  assert.equal(parameterNames('f<T extends (x: number) => void>(a: T, b: Map<string, T>)'), ['a', 'b'])
})

test('a cut signature says nothing, and a type is told without quotes', () => {
  assert.equal(baseNames(item('class A extends B, C…')), [])
  assert.equal(parameterNames('f(a, b): Very…'), [])
  assert.is(returnType('f(a): Ma…'), '')
  assert.is(returnType('f(a): …'), '')
  assert.is(returnType("def f(a) -> 'Flask':"), 'Flask')
})

test.run()
