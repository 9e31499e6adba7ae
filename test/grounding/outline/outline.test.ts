import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import type { OutlineItem } from '../../../src/records/index.js'
import { ground, writeRepository, type Grounded } from '../repository-fixture.js'

const test = suite('outline')

const shape = (item: OutlineItem): string =>
  `${item.kind} ${item.name}${item.exported ? ' exported' : ''}` +
  (item.children.length > 0 ? ` [${item.children.map(shape).join('; ')}]` : '')

async function groundOne(path: string, content: string): Promise<Grounded> {
  return ground(writeRepository({ [path]: content }))
}

test('a TSX component is outlined by its syntax tree, with its doc and its props', async () => {
  const { file } = await groundOne(
    'view.tsx',
    [
      "import type { ReactNode } from 'react'",
      '',
      'export interface Props { title: string; children?: ReactNode }',
      '',
      '/** A box with a title. */',
      'export function Box({ title, children }: Props): ReactNode {',
      '  return <section data-title={title}><h2>{title}</h2>{children}</section>',
      '}',
      '',
      'export const Empty = () => <Box title="nothing" />',
      '',
    ].join('\n'),
  )
  const view = file('view.tsx')
  assert.is(view.language, 'tsx')
  assert.is(view.outlineFrom, 'syntax-tree')
  assert.equal(view.outline.map(shape), [
    'interface Props exported [property title exported; property children exported]',
    'function Box exported',
    'function Empty exported',
  ])
  assert.is(view.outline[1]?.doc, 'A box with a title.')
})

test('a TypeScript outline has every kind of declaration with its members', async () => {
  const { file } = await groundOne(
    'a.ts',
    [
      'export abstract class A<T> extends B implements C {',
      '  private x = 1',
      '  constructor(private y: string) { super() }',
      '  get v(): number { return 1 }',
      '}',
      'export interface I { a: string; m(x: number): void }',
      'type T = string | number',
      'export enum E { P = 1, Q }',
      'namespace N { export function f() {} }',
      'const arrow = (x: number): number => x',
      'let one = 1, two = 2',
      'export default function () {}',
      'export { arrow }',
      "export * from './b'",
    ].join('\n'),
  )
  assert.equal(file('a.ts').outline.map(shape), [
    'class A exported [property x; method constructor exported; method v exported]',
    'interface I exported [property a exported; method m exported]',
    'type T',
    'enum E exported [property P exported; property Q exported]',
    'namespace N [function f exported]',
    'function arrow exported',
    'variable one, two',
    'function default exported',
    'export arrow exported',
    'export * exported',
  ])
  const signatures = file('a.ts').outline.map((item) => item.signature)
  assert.is(signatures[0], 'export abstract class A<T> extends B implements C')
  assert.is(signatures[5], 'const arrow = (x: number): number =>')
  assert.is(file('a.ts').outline[0]?.children[1]?.signature, 'constructor(private y: string)')
})

test('CommonJS exports, wrapped files and the blocks of a test are in the outline', async () => {
  const { file } = await ground(
    writeRepository({
      'cjs.js': "const fs = require('fs')\nfunction go() {}\nexports.stop = function () {}\nmodule.exports = { go }\n",
      'wrapped.js': '(function () {\n  function inside() {}\n})()\n',
      'it.test.js': "test('adds numbers', () => {\n  add(1)\n})\n",
    }),
  )
  assert.equal(file('cjs.js').outline.map(shape), [
    'function go exported',
    'function stop exported',
    'export module.exports exported',
  ])
  assert.equal(file('wrapped.js').outline.map(shape), ['function inside'])
  assert.equal(file('it.test.js').outline.map(shape), ['section adds numbers'])
})

test('a Python outline has docstrings, members, conditional definitions and what __all__ makes public', async () => {
  const { file } = await groundOne(
    'm.py',
    [
      '"""What the module is for.',
      '',
      'More of it."""',
      "__all__ = ['_hidden']",
      'LIMIT: int = 3',
      'def _hidden(a, *, b=1) -> str:',
      '    """Gives a thing.',
      '',
      '    :param a: the a',
      '    """',
      '    return a',
      '@dataclass(frozen=True)',
      'class K(Base, metaclass=M):',
      "    '''A k.'''",
      '    x: int = 1',
      '    async def m(self): pass',
      '    def __init__(self): pass',
      '    def _p(self): pass',
      'if sys.version_info > (3,):',
      '    def newer(): pass',
      'else:',
      '    def older(): pass',
    ].join('\n'),
  )
  const record = file('m.py')
  assert.is(record.doc, 'What the module is for. More of it.')
  assert.equal(record.outline.map(shape), [
    'export __all__',
    'variable LIMIT exported',
    'function _hidden exported',
    'class K exported [property x exported; method m exported; method __init__ exported; method _p]',
    'function newer exported',
    'function older exported',
  ])
  assert.is(record.outline[2]?.doc, 'Gives a thing.')
  assert.is(record.outline[2]?.signature, 'def _hidden(a, *, b=1) -> str')
  assert.is(record.outline[3]?.signature, 'class K(Base, metaclass=M)')
  assert.is(record.outline[3]?.children[1]?.signature, 'async def m(self)')
})

test('byte ranges in text that is not ASCII cut out exactly the declaration with its comment and decorators', async () => {
  const first = '/** Grüße — 你好 🎉 */\nexport const größe = "ß🎉"\n'
  const second = '// über\n@deco("é")\nexport class Ü {\n  // 🎉\n  méthode() { return "€" }\n}\n'
  const { file, slice } = await groundOne('u.ts', `const emoji = "👩‍👩‍👧"\n\n${first}\n${second}`)
  const [, one, two] = file('u.ts').outline
  assert.is(slice('u.ts', one as OutlineItem), first)
  assert.is(one?.doc, 'Grüße — 你好 🎉')
  assert.is(slice('u.ts', two as OutlineItem), second)
  assert.is(slice('u.ts', two?.children[0] as OutlineItem), '// 🎉\n  méthode() { return "€" }\n')

  const definition = '# ein Größenmaß\n@deco\ndef größe():\n    return "🎉"\n'
  const python = await groundOne('u.py', `\uFEFFname = "日本"\n\n${definition}`)
  assert.is(python.slice('u.py', python.file('u.py').outline[1] as OutlineItem), definition)
  assert.is(python.slice('u.py', python.file('u.py').outline[0] as OutlineItem), 'name = "日本"\n')
})

test('a signature has no comments, and strings that look like comments stay', async () => {
  const script = 'export function f(\n  a = "http://x", // the address\n  b /* two */ = 2,\n) {}\n'
  const python = "def g(\n    a='#1',  # the colour\n    b=2,\n): pass\n"
  const { file } = await ground(writeRepository({ 'a.js': script, 'b.py': python }))
  assert.is(file('a.js').outline[0]?.signature, 'export function f( a = "http://x", b = 2, )')
  assert.is(file('b.py').outline[0]?.signature, "def g( a='#1', b=2, )")
})

test('items are in order, do not overlap, and hold their members', async () => {
  const code = [
    '/** a */ export class A {',
    '  x = 1; y = 2',
    '  m() {} // after',
    '}',
    'let b = 1; let c = 2 // both',
    '',
    '// run',
    'function d() {}',
  ]
  const { file, slice } = await groundOne('a.ts', code.join('\n'))
  const { outline } = file('a.ts')
  assert.equal(
    outline.map((item) => item.name),
    ['A', 'b', 'c', 'd'],
  )
  assertNested(outline, 0, file('a.ts').sizeBytes)
  assert.is(slice('a.ts', outline[1] as OutlineItem), 'let b = 1;')
  assert.is(slice('a.ts', outline[2] as OutlineItem), 'let c = 2 // both\n')
  assert.is(slice('a.ts', outline[3] as OutlineItem), '// run\nfunction d() {}')
})

function assertNested(items: readonly OutlineItem[], start: number, end: number): void {
  let last = start
  for (const item of items) {
    assert.ok(
      item.start >= last && item.end > item.start && item.end <= end,
      `${item.name} [${item.start}, ${item.end})`,
    )
    assertNested(item.children, item.start, item.end)
    last = item.end
  }
}

test('the head comment is the file doc unless it is a licence, a directive or code', async () => {
  const { file } = await ground(
    writeRepository({
      'head.ts':
        '// Copyright (c) 2020 Somebody\n\n/* eslint-disable */\n\n// Reads the tables\n// of a font.\n\nimport x from "x"\n',
      'own.ts': '/** Adds two numbers. */\nexport const add = 1\n',
      'code.ts': '// import { a } from "./a"\n\nexport const b = 1\n',
      'tagged.js': '/**\n * @fileoverview Keeps the clock.\n * @author Somebody\n */\nlet a\n',
    }),
  )
  assert.is(file('head.ts').doc, 'Reads the tables of a font.')
  assert.is(file('own.ts').doc, '')
  assert.is(file('own.ts').outline[0]?.doc, 'Adds two numbers.')
  assert.is(file('code.ts').doc, '')
  assert.is(file('tagged.js').doc, 'Keeps the clock.')
})

test('a doc comment becomes prose without marks, tags and links', async () => {
  const comment = [
    '/**',
    ' * Joins `parts` with a **dash**, see {@link split} or',
    ' * [the guide](https://example.org).',
    ' *',
    ' * @param parts what to join',
    ' * @returns the text',
    ' */',
  ]
  const { file } = await groundOne('a.ts', `${comment.join('\n')}\nexport function join(parts: string[]) {}\n`)
  assert.is(file('a.ts').outline[0]?.doc, 'Joins parts with a dash, see split or the guide.')
})

test('a file that does not parse keeps a line outline, its imports and its place', async () => {
  const code = "import './b.js'\n\nexport function broken( {\n\n  nested\n\nconst rest = ]\n"
  const { file, slice, snapshot } = await ground(
    writeRepository({ 'a.js': code, 'b.js': 'export {}\n', 'c.py': 'def f(:\n  x\n' }),
  )
  const record = file('a.js')
  assert.is(record.outlineFrom, 'lines')
  assert.is(record.parseNote, 'it does not parse as javascript')
  assert.equal(record.outline.map(shape), [
    "section import './b.js'",
    'section export function broken( {',
    'section const rest = ]',
  ])
  assert.is(slice('a.js', record.outline[1] as OutlineItem), 'export function broken( {\n\n  nested\n')
  assert.equal(snapshot.dependencies, [['a.js', 'b.js']])
  assert.is(file('c.py').outlineFrom, 'lines')
  assert.ok(snapshot.order.includes('c.py'))
})

test('TypeScript that the grammar does not know yet parses all the same, with its own text in the signature', async () => {
  const { file } = await groundOne(
    'a.ts',
    "export type * from './b'\nexport interface Box<in out T, /** why */ out U = T> { x: T }\n",
  )
  assert.is(file('a.ts').outlineFrom, 'syntax-tree')
  assert.is(file('a.ts').outline[1]?.signature, 'export interface Box<in out T, out U = T>')
})

test('a file over the bound of the parser keeps a line outline', async () => {
  const { file } = await ground(writeRepository({ 'a.js': 'let a = 1\n'.repeat(50) }), { maxParseBytes: 100 })
  assert.is(file('a.js').outlineFrom, 'lines')
  assert.match(file('a.js').parseNote, '500 characters')
})

test('Markdown has its headings as sections and its first paragraph as doc', async () => {
  const text =
    '[![badge](x.svg)](https://x)\n\n# The *Title*\n\nDoes one thing\nwell.\n\n```sh\n# no heading\n```\n\n## Use\n\nLike this.\n'
  const { file, slice, snapshot } = await ground(writeRepository({ 'README.md': text, 'a.py': 'x = 1\n' }))
  const { outline, doc } = file('README.md')
  assert.is(doc, 'Does one thing well.')
  assert.equal(
    outline.map((item) => item.name),
    ['The Title', 'Use'],
  )
  assert.is(slice('README.md', outline[1] as OutlineItem), '## Use\n\nLike this.\n')
  assert.is(snapshot.about.summary, 'Does one thing well.')
})

test('front matter, HTML, quotes, lists and rules are no headings of Markdown', async () => {
  const text = [
    '---\nsidebar_position: 4\n---\n',
    '> Back to homepage\n---\n',
    '<h1 align="center">Name</h1>\n',
    '- a point\n---\n',
    '# ![](x.svg)\n',
    '# Real [one][1]\n',
    'Second\n------\n',
  ]
  const { file } = await ground(writeRepository({ 'a.md': text.join('\n'), 'b.md': 'No heading at all.\n' }))
  assert.equal(
    file('a.md').outline.map((item) => item.name),
    ['Real one', 'Second'],
  )
  assert.equal(file('b.md').outline, [])
})

test('reST has its underlined titles as sections and its first paragraph of prose as doc', async () => {
  const text = [
    ':orphan:\n',
    '.. rst-class:: wide\n',
    '   Not a paragraph of prose.\n',
    '=========',
    'The Title',
    '=========\n',
    'Tells what it is\nabout.\n',
    '.. code-block:: python\n',
    '    run()\n    -----\n',
    '===== =====\na     b\n===== =====\n',
    'Use ``it``',
    '~~~~~~~~~~\n',
    'Like this.\n',
  ]
  const { file, slice } = await ground(writeRepository({ 'a.rst': text.join('\n') }))
  const { outline, doc } = file('a.rst')
  assert.is(doc, 'Tells what it is about.')
  assert.equal(
    outline.map((item) => item.name),
    ['The Title', 'Use it'],
  )
  assert.is(slice('a.rst', outline[1] as OutlineItem), 'Use ``it``\n~~~~~~~~~~\n\nLike this.\n')
  assert.is(outline[1]?.doc, 'Like this.')
})

test('the text of a reference stays in the prose of Markdown without its brackets', async () => {
  const text = '# A\n\nA lightweight [WSGI] web [framework][fw] with `x[0]` and [links](y) in a[12].\n'
  const { file } = await ground(writeRepository({ 'a.md': text }))
  assert.is(file('a.md').doc, 'A lightweight WSGI web framework with x[0] and links in a[12].')
})

async function docOf(comment: string): Promise<string | undefined> {
  const { file } = await groundOne('a.ts', `${comment}\nexport function join() {}\n`)
  return file('a.ts').outline[0]?.doc
}

async function docstringOf(...lines: string[]): Promise<string> {
  const { file } = await groundOne('a.py', `"""${lines.join('\n')}"""\n`)
  return file('a.py').doc
}

test('backticks around code go and apostrophes stay', async () => {
  assert.is(
    await docOf("/** Gives `value` as an array if it's not one, or `List`'s `a`. */"),
    "Gives value as an array if it's not one, or List's a.",
  )
  assert.is(await docOf("/** Quotes `one' and `two'. */"), 'Quotes one and two.')
})

test('names keep their underscores and stars, and emphasis loses its marks', async () => {
  assert.is(
    await docOf('/** Reads `__init__.py` and __main__ with **kwargs or **opts. */'),
    'Reads __init__.py and __main__ with **kwargs or **opts.',
  )
  assert.is(await docOf('/** A **bold** and __very bold__ thing. */'), 'A bold and very bold thing.')
})

test('what stands in a paragraph of its own ends as a sentence', async () => {
  assert.is(
    await docstringOf('requests.structures', '~~~~~~~~~~~~~~~~~~~', '', 'Data structures that', 'power Requests.'),
    'requests.structures. Data structures that power Requests.',
  )
  assert.is(await docstringOf('The pattern was a =', '', 'Now it is b'), 'The pattern was a = Now it is b')
  assert.is(await docstringOf('tagged JSON', '', 'A compact form'), 'tagged JSON. A compact form')
  assert.is(await docOf('/**\n * Takes one of:\n * - a name\n * - a number\n */'), 'Takes one of: a name. a number')
  assert.is(
    await docOf('/**\n * Takes a name\n * - or a number\n * for it.\n */'),
    'Takes a name - or a number for it.',
  )
})

test('prose ends before code, tables and directives, and without the sentence that they would end', async () => {
  assert.is(await docstringOf('Does it.', '', 'Usage::', '', '    run()'), 'Does it.')
  assert.is(await docstringOf('Does it.', '', '    Runs as in::', '', '        run()'), 'Does it.')
  assert.is(
    await docstringOf('Shields it.', '', '    The statement', '', '        run()', '', '    is like it.'),
    'Shields it.',
  )
  assert.is(
    await docstringOf('Does it', '', '    with care.', '', '.. versionadded:: 3', '    It is new.'),
    'Does it. with care.',
  )
  assert.is(await docOf('/**\n * Levels.\n *\n * | a | b |\n * |---|---|\n * | 1 | 2 |\n */'), 'Levels.')
})

test('marks for tools and pointers to elsewhere are no prose', async () => {
  assert.is(await docOf('/** @__NO_SIDE_EFFECTS__ */'), '')
  assert.is(await docOf('/* @__PURE__ */'), '')
  assert.is(
    await docOf('/** Wraps it in a `@__PURE__` call on `Number`. */'),
    'Wraps it in a @__PURE__ call on Number.',
  )
  assert.is(await docOf('// biome-ignore lint/style: it is short'), '')
  assert.is(await docOf('/** Joins. */\n/* #__NO_SIDE_EFFECTS__ */'), 'Joins.')
  assert.is(await docOf('/** Joins. */\n/** @__NO_SIDE_EFFECTS__ */'), 'Joins.')
  assert.is(await docOf('/** Joins texts. @see https://example.org/join */'), 'Joins texts.')
})

test('JavaScript that its own grammar rejects parses as TSX', async () => {
  const { file } = await ground(
    writeRepository({
      'a.jsx': 'const a = <div class="x" />\nexport function view() { return <T,>(x) => x }\nlet b: number = 1\n',
      'b.js': 'const a = 1\nexport { a as if }\n',
    }),
  )
  assert.is(file('a.jsx').outlineFrom, 'syntax-tree')
  assert.is(file('b.js').outlineFrom, 'syntax-tree')
  assert.is(file('b.js').language, 'javascript')
  assert.equal(file('b.js').outline.map(shape), ['variable a exported', 'export if exported'])
})

test('import types in every position parse, and their imports are found', async () => {
  const code = [
    "type A = typeof import('./b')",
    "type B = import('./b').X['k']",
    "type C = import('./b').X<string>[]",
    "interface D<in out T> extends Array<import('./c').Y<T>> {}",
  ]
  const { file } = await ground(
    writeRepository({ 'a.ts': code.join('\n'), 'b.ts': 'export {}\n', 'c.ts': 'export {}\n' }),
  )
  assert.is(file('a.ts').outlineFrom, 'syntax-tree')
  assert.is(file('a.ts').outline[0]?.signature, "type A = typeof import('./b')")
  const targets = file('a.ts').imports.map(({ target }) => (target.kind === 'file' ? target.path : target.kind))
  assert.equal([...new Set(targets)].sort(), ['b.ts', 'c.ts'])
})

test('an outline is as deep as its bound, and code that nests without end neither fails nor hangs', async () => {
  const depthOf = (items: readonly OutlineItem[]): number =>
    items.reduce((deepest, item) => Math.max(deepest, 1 + depthOf(item.children)), 0)
  const files = {
    'open.ts': 'namespace A {\n'.repeat(3_000),
    'closed.ts': `${'namespace A {\n'.repeat(3_000)}${'}\n'.repeat(3_000)}`,
    'a.py': `${Array.from({ length: 20 }, (_, at) => `${' '.repeat(at)}class A:\n`).join('')}${' '.repeat(20)}x = 1\n`,
  }
  const { file } = await ground(writeRepository(files))
  assert.is(file('open.ts').outlineFrom, 'lines')
  assert.is(file('closed.ts').outlineFrom, 'syntax-tree')
  assert.is(depthOf(file('closed.ts').outline), 16)
  assert.is(depthOf(file('a.py').outline), 16)
  const shallow = await ground(writeRepository({ 'a.ts': 'class A { m() {} }\n' }), { maxOutlineDepth: 1 })
  assert.equal(shallow.file('a.ts').outline.map(shape), ['class A'])
})

test('empty files stay, with no lines and no outline', async () => {
  const { file } = await ground(writeRepository({ '__init__.py': '', 'py.typed': '', 'm.py': 'x = 1' }))
  assert.equal([file('__init__.py').lines, file('__init__.py').outline], [0, []])
  assert.is(file('py.typed').lines, 0)
  assert.is(file('m.py').lines, 1)
})

test('a long comment between the parameters of a Python function does not hold up its signature', async () => {
  const { file } = await groundOne(
    'a.py',
    `def f(\n    # options: ${'#'.repeat(4_900)}\n    a,\n) -> int:  # why\n    # more\n    pass\n`,
  )
  assert.is(file('a.py').outline[0]?.signature, 'def f( a, ) -> int')
})

test('a text made to be slow to read is read at once, and its beginning is kept', async () => {
  const hostile = ['[![](', '{@link ', '[a](', '=/*', '<!--', '\n\n \n', '```', '* * '].map((part) =>
    `${part.repeat(12)}\n`.repeat(Math.floor(50_000 / (part.length * 12))),
  )
  for (const part of hostile) {
    const { file } = await ground(
      writeRepository({
        'a.md': `# A\n\nWhat it is for.\n\n${part}\n`,
        'a.py': `def f():\n    r"""What it is for.\n\n${part}\n"""\n`,
        'a.ts': `/** What it is for.\n\n${part}\n*/\nexport function f() {}\n`,
      }),
    )
    assert.is(file('a.md').doc, 'What it is for.')
    for (const path of ['a.py', 'a.ts']) assert.match(file(path).outline[0]?.doc ?? '', /^What it is for\./, part)
  }
})

test.run()
