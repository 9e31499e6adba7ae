import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { createChecker, type CheckResult } from '../../src/synthesis/debugging/checker.js'
import { functionsOf } from '../../src/synthesis/debugging/functions.js'
import { knownCalls } from '../../src/synthesis/debugging/known-calls.js'
import { readSource } from '../../src/synthesis/debugging/source.js'
import { diskOf } from './disk-of.js'

const test = suite('check')
const checker = createChecker()

type Files = Record<string, string>

/** Checks the first of these files, all of which are written. */
function check(files: Files): Promise<CheckResult> {
  return checker.check(Object.keys(files)[0] as string, diskOf(files))
}

/** The problems of the first file, without its path and the last line. */
async function problems(files: Files): Promise<string[]> {
  const { output } = await check(files)
  const lines = output.trimEnd().split('\n').slice(0, -1)
  return lines.map((line) => line.slice((Object.keys(files)[0] as string).length + 1))
}

const ts = (text: string, others: Files = {}): Promise<string[]> => problems({ 'src/a.ts': text, ...others })
const js = (text: string, others: Files = {}): Promise<string[]> => problems({ 'src/a.js': text, ...others })
const py = (text: string, others: Files = {}): Promise<string[]> => problems({ 'pkg/a.py': text, ...others })

test('a file without problems is called so, and one with problems ends in their number', async () => {
  assert.equal(await check({ 'a.ts': 'export const one = 1\n' }), {
    output: 'no problems found in a.ts\n',
    problems: 0,
  })
  const wrong = await check({ 'a.py': 'def f(a):\n    return a\n\nf()\nf(1, 2)\n' })
  assert.equal(wrong, {
    output:
      "a.py:4: 'f' is called with 0 arguments, without 'a'\na.py:5: 'f' takes 1 argument, and is called with 2\n2 problems found in a.py\n",
    problems: 2,
  })
})

test('what is no source, empty or too long is answered all the same', async () => {
  assert.is((await check({ 'README.md': '# f(' })).problems, 0)
  assert.is((await check({ 'a.ts': '' })).problems, 0)
  const long = await check({ 'a.py': 'f(\n'.repeat(100_000) })
  assert.equal(long, { output: 'a.py has 300000 bytes, too many to check\n', problems: 0 })
  assert.match((await checker.check('b.ts', diskOf({}))).output, /there is no such file/)
  assert.match((await checker.check('b.py', diskOf({ 'b.py': Buffer.from([0x61, 0xff]) }))).output, /not UTF-8/)
})

test('a nest without end is answered in time, and says nothing wrong', async () => {
  const deep = await check({ 'a.js': `f = ${'['.repeat(50_000)}${']'.repeat(50_000)}\n` })
  assert.is(typeof deep.output, 'string')
})

test('what does not parse is told with its line, in any language that has a grammar', async () => {
  assert.match((await ts('export function f() {\n  return [1, 2\n}\n')).join(), /^2: syntax error/)
  assert.match((await py('def f()\n    return 1\n')).join(), /^1: syntax error/)
  assert.equal(await ts('export function f() {\n  return [1, 2]\n}\n'), [])
})

test('an error does not begin in the comment above it', async () => {
  const head = `# ${'Copyright. '.repeat(30)}\n\n`
  const { output } = await check({
    'a.rb': `${head}require 'b'\n\nclass A < B\n  def c\n    [1].each do |x|\n    x\n  end\nend\n`,
  })
  assert.match(output, /^a\.rb:3: syntax error: what begins with 'require 'b'' does not end\n/)
})

test('an import of a file that is not there is told, one of a package or a written file is not', async () => {
  assert.match(
    (await ts("import { a } from './c.js'\na()\n")).join(),
    /^1: import of '\.\/c\.js' leads to no written file/,
  )
  assert.equal(
    await ts("import { a } from './b.js'\nimport z from 'zod'\na(z)\n", { 'src/b.ts': 'export const a = 1\n' }),
    [],
  )
  assert.match((await py('from .c import a\na()\n', { 'pkg/__init__.py': '' })).join(), /^1: import of '\.c'/)
  assert.equal(
    await py('try:\n    from .c import a\nexcept ImportError:\n    a = None\n', { 'pkg/__init__.py': '' }),
    [],
  )
})

test('a name that the imported file does not have is told, unless the file may have more than it shows', async () => {
  const b = 'export const one = 1, { two } = x\nexport default function three() {}\nexport { one as four }\n'
  assert.equal(
    await ts("import def, { one, two, four } from './b.js'\nexport const all = [def, one, two, four]\n", {
      'src/b.ts': b,
    }),
    [],
  )
  assert.equal(await ts("import { five } from './b.js'\nfive()\n", { 'src/b.ts': b }), ["1: src/b.ts has no 'five'"])
  assert.equal(await ts("import { five } from './b.js'\nfive()\n", { 'src/b.ts': `${b}export * from './c.js'\n` }), [])
  assert.equal(await js("import { five } from './b.js'\nfive()\n", { 'src/b.js': 'exports.six = 1\n' }), [])
  const typed = { 'src/b.d.ts': 'export const six: number\ndeclare const five: number\n' }
  assert.equal(await ts("import { five } from './b.js'\nfive()\n", typed), [])
  const mixed = { 'src/b.js': 'export const six = 1\nmodule.exports.five = 2\n' }
  assert.equal(await js("import { five } from './b.js'\nfive()\n", mixed), [])
  assert.equal(await ts("import five from './b.js'\nfive()\n", { 'src/b.ts': 'export const six = 1\n' }), [
    '1: src/b.ts has no default export',
  ])
  const init = { 'pkg/__init__.py': '', 'pkg/b.py': 'def one(): pass\nif one:\n    two = 2\n' }
  assert.equal(await py('from .b import one, two\none(two)\n'.replace('one(two)', 'print(one, two)'), init), [])
  assert.equal(await py('from .b import three\nthree()\n', init), ["1: pkg/b.py has no 'three'"])
  assert.equal(await py('from .b import three\nthree()\n', { ...init, 'pkg/b.py': 'from os import *\n' }), [])
})

test('a name that is declared nowhere is told, with the one that may be meant', async () => {
  assert.equal(await ts('export const counter = 1\nexport const next = (): number => conuter + 1\n'), [
    "2: name 'conuter' is used, but declared nowhere; there is 'counter'",
  ])
  assert.equal(await py('def f(items):\n    return itmes\n'), [
    "2: name 'itmes' is used, but declared nowhere; there is 'items'",
  ])
  assert.equal(await py('print(elsewhere)\n'), ["1: name 'elsewhere' is used, but declared nowhere"])
})

test('names that come from outside, or that cannot be followed, are not told', async () => {
  assert.equal(await ts('export const a = window.fetch, b: Foo<Bar> = process, c = HTMLElement\n'), [])
  assert.equal(await js('go(elsewhere)\n'), [], 'scripts of a page share their names')
  assert.equal(await js('/* global elsewhere */\nexport const a = elsewhere\n'), [])
  assert.equal(await js("export const a = typeof elsewhere === 'undefined' ? 1 : elsewhere\n"), [])
  assert.equal(await py('from os import *\nprint(elsewhere)\n'), [])
  assert.equal(await py('try:\n    unicode\nexcept NameError:\n    unicode = str\nprint(elsewhere)\n'), [])
  assert.equal(await py('print(__file__, [y for x in (1, 2) for y in (x,)], (z := 1), lambda q: q)\n'), [])
  assert.equal(
    await py('def f(a):\n    match a:\n        case {"x": b, **c}: return b, c\n        case [d, *e]: return d, e\n'),
    [],
  )
})

test('imports and values that are never used are told, those that are used unseen are not', async () => {
  assert.equal(await ts("import { a, b } from 'x'\nexport const c = b\n"), ["1: 'a' is imported and never used"])
  assert.equal(await ts("import React from 'react'\nimport 'x'\nimport type { T } from 'y'\nexport type U = T\n"), [])
  assert.equal(await py('import os\nfrom sys import path, argv\nprint(argv)\n'), [
    "1: 'os' is imported and never used",
    "2: 'path' is imported and never used",
  ])
  assert.equal(await py('import os  # noqa: F401\n__all__ = ["argv"]\nfrom sys import argv\n'), [])
  assert.equal(await problems({ 'pkg/__init__.py': 'from sys import argv\n' }), [])
  assert.equal(await ts('export function f(): void {\n  const kept = 1\n}\n'), [
    "2: 'kept' is given a value that is never used",
  ])
  assert.equal(await py('class A:\n    field = 1\n'), [])
})

test('too few and too many arguments are told of functions, methods and imported functions', async () => {
  assert.equal(await ts('function f(a: number, b?: number, c = 1): void {}\nf()\nf(1)\nf(1, 2, 3)\nf(1, 2, 3, 4)\n'), [
    "2: 'f' is called with 0 arguments, without 'a'",
    "5: 'f' takes at most 3 arguments, and is called with 4",
  ])
  assert.equal(
    await ts("import { f } from './b.js'\nf()\n", { 'src/b.ts': 'export const f = (a: number): number => a\n' }),
    ["2: 'f' is called with 0 arguments, without 'a'"],
  )
  assert.equal(
    await ts(
      'export class A {\n  m(a: number): number {\n    return a\n  }\n  n(): number {\n    return this.m()\n  }\n}\n',
    ),
    ["6: 'm' is called with 0 arguments, without 'a'"],
  )
  assert.equal(
    await py(
      'class A:\n    def m(self, a, *, b):\n        return self.m(a)\n    @staticmethod\n    def s(a): return a\n    def t(self): return self.s(1, 2)\n',
    ),
    ["3: 'm' is called with 1 argument, without 'b'", "6: 's' takes 1 argument, and is called with 2"],
  )
  assert.equal(await py('def f(a): return a\nf(b=1)\n'), ["2: 'f' is called with 1 argument, without 'a'"])
})

test('calls of which the arguments cannot be counted are not told', async () => {
  assert.equal(await ts('function f(a: number, ...b: number[]): void {}\nf(1, 2, 3)\nf(...[1])\n'), [])
  assert.equal(
    await ts(
      'function f(a: string): void\nfunction f(a: number, b: number): void\nfunction f(...a: unknown[]): void {}\nf(1, 2)\n',
    ),
    [],
  )
  assert.equal(
    await js('function f(a, b) { return a + (b || 1) }\nf(1)\n'),
    [],
    'JavaScript may leave out what is asked for',
  )
  assert.equal(await js('function f(a) { return arguments.length }\nf(1, 2)\n'), [])
  assert.equal(
    await ts('function f(a: number): void {}\nexport function g(f: (...a: number[]) => void): void {\n  f(1, 2)\n}\n'),
    [],
  )
  assert.equal(await py('import functools\n@functools.cache\ndef f(a): return a\nf()\n'), [])
  assert.equal(await py('def f(a, b): return a\nf(*[1, 2])\nf(1, **{})\n'), [])
  const decorated =
    'import functools\nclass A:\n    @functools.cache\n    def m(self, a): return a\n    def n(self): return self.m()\n'
  assert.equal(await py(decorated), [])
  assert.equal(await py('def f(items): return items\nf(x for x in (1, 2))\n'), [])
  assert.equal(
    await py('class A:\n    def m(self): raise NotImplementedError\n    def n(self): return self.m(1)\n'),
    [],
  )
})

test('JavaScript is told of an argument that the function takes apart without asking', async () => {
  assert.equal(await js('function f(path, list) { for (const one of list) one(path.length) }\nf([])\n'), [
    "2: 'f' is called with 1 argument, without 'list'",
  ])
})

test('arguments that have the names of each other are told, names that may stand in either order are not', async () => {
  const head = 'function f(path: string, options: object): void {}\n'
  assert.match(
    (await ts(`${head}export const g = (path: string, options: object): void => f(options, path)\n`)).join(),
    /each other's place/,
  )
  assert.equal(await ts(`${head}export const g = (path: string, options: object): void => f(path, options)\n`), [])
  assert.equal(
    await ts(
      'function f(left: number, right: number): void {}\nexport const g = (left: number, right: number): void => f(right, left)\n',
    ),
    [],
  )
})

test('an async call that nobody waits for is told, a promise that goes elsewhere is not', async () => {
  const head = 'async function load(): Promise<{ a: number }> {\n  return { a: 1 }\n}\n'
  const use = (body: string): Promise<string[]> =>
    ts(`${head}export async function f(): Promise<unknown> {\n${body}\n}\n`)
  assert.equal(await use('load()\nreturn 1'), ["5: 'load' is async, and its call is not awaited"])
  assert.equal(await use('const { a } = load()\nreturn a'), [
    "5: 'load' is async, and its call is used without being awaited",
  ])
  assert.equal(await use('const x = load()\nreturn x.a'), [
    "5: 'load' is async, and its call is used without being awaited",
  ])
  for (const body of [
    'await load()',
    'return load()',
    'void load()',
    'const x = load()\nreturn await x',
    'load().then(f)',
    'const a = load() ?? 1\nreturn a',
  ]) {
    assert.equal(await use(body), [], body)
  }
  assert.equal(await py('async def f():\n    return 1\nasync def g():\n    f()\n    await f()\n    return f()\n'), [
    "4: 'f' is async, and its call is not awaited",
  ])
})

test('an async function of Python that yields gives its values one by one: there is no promise to wait for', async () => {
  const use = (body: string): Promise<string[]> =>
    py(
      `async def each(items):\n${body}\n\nasync def close(items):\n    stream = each(items)\n    return stream.aclose()\n`,
    )
  const notAwaited = (line: number): string => `${line}: 'each' is async, and its call is used without being awaited`
  assert.equal(await use('    for item in items:\n        yield item'), [])
  assert.equal(await use('    print((yield))'), [], 'a yield that gives nothing is one too')
  // A yield in a nested function makes only that function a generator.
  assert.equal(await use('    def inner():\n        yield items\n    return list(inner())'), [notAwaited(7)])
  assert.equal(await use('    inner = lambda: (yield items)\n    return list(inner())'), [notAwaited(6)])
  assert.equal(await use('    return list(items)'), [notAwaited(5)])
})

test('a function of Python that yields comes to its end without a return', async () => {
  const end = (way: string): string => `def first(items) -> str:\n    if items:\n        ${way} items[0]\n`
  assert.equal(await py(end('yield')), [])
  assert.equal(await py(`${end('yield')}        return "x"\n`), [])
  const inner = `def first(items) -> str:\n    def inner():\n        yield items\n    if items:\n        return inner()\n`
  for (const text of [end('return'), inner])
    assert.match((await py(text)).join(), /^1: 'first' returns a value on some ways/)
})

test('nothing is known of the functions and calls of a language that has no call table', async () => {
  const source = await readSource('a.ts', 'function f(a: number): void {}\nf()\n')
  assert.ok(source)
  assert.is(functionsOf(source, null).length, 1)
  assert.is(knownCalls(source, functionsOf(source, null), new Map()).length, 1)
  const other = Object.assign({ ...source }, { language: 'zig' })
  assert.equal(functionsOf(other, null), [])
  assert.equal(knownCalls(other, functionsOf(source, null), new Map()), [])
})

test('a loop to the length of what it indexes is told, one that asks where the end is is not', async () => {
  assert.match(
    (await ts('export function f(x: number[]): void {\n  for (let i = 0; i <= x.length; i++) x[i]++\n}\n')).join(),
    /^2: the loop runs 'i'/,
  )
  assert.equal(await ts('export function f(x: number[]): void {\n  for (let i = 0; i < x.length; i++) x[i]++\n}\n'), [])
  assert.equal(
    await ts(
      'export function f(x: number[]): void {\n  for (let i = 0; i <= x.length; i++) if (i === x.length) x[i] = 1\n}\n',
    ),
    [],
  )
  assert.equal(
    await ts('export function f(x: number[]): void {\n  for (let i = 1; i <= x.length; i++) x[i - 1]++\n}\n'),
    [],
  )
  assert.match((await py('def f(x):\n    for i in range(len(x) + 1):\n        x[i] += 1\n')).join(), /^2: the loop/)
  assert.equal(await py('def f(x):\n    for i in range(len(x) + 1):\n        x[:i]\n'), [])
})

test('a function that says what it returns and runs into its end is told', async () => {
  const f = (body: string, type = 'string'): Promise<string[]> =>
    ts(`export function f(a: number): ${type} {\n${body}\n}\n`)
  assert.match((await f("if (a > 1) return 'x'")).join(), /^1: 'f' returns a value on some ways/)
  assert.equal(await f("if (a > 1) return 'x'", 'string | undefined'), [])
  assert.equal(await f("if (a > 1) return 'x'\nelse throw new Error()"), [])
  assert.equal(await f("if (a > 1) return 'x'\nf(a)"), [], 'the call at the end may never come back')
  assert.equal(await f("switch (a) {\n  case 1:\n    return 'x'\n}"), [], 'there may be no other case')
  assert.equal(await f("for (;;) if (a > 1) return 'x'"), [])
  assert.match((await py('def f(a) -> str:\n    if a:\n        return "x"\n')).join(), /^1: 'f' returns/)
  assert.equal(await py('def f(a) -> str:\n    if a:\n        return "x"\n    raise ValueError(a)\n'), [])
})

const outputOf = async (files: Files): Promise<string[]> => (await check(files)).output.trimEnd().split('\n')

test('a loop without a condition does not run into the end of its function', async () => {
  const body = 'switch { case i > 3: return i }'
  const go = (head: string): string => `package a\n\nfunc f() int {\n\tfor ${head} { ${body} }\n}\n`
  assert.equal(await outputOf({ 'a.go': go('i := 0; ; i++') }), ['no problems found in a.go'])
  assert.match((await outputOf({ 'a.go': go('i := 0; i < 9; i++') }))[0] as string, /'f' returns a value on some ways/)
  const main = 'int main(int n, char **v) { if (n) { return n; } n = 2; }\n'
  assert.equal(await outputOf({ 'a.c': main }), ['no problems found in a.c'])
  assert.match((await outputOf({ 'a.c': main.replace('main', 'other') }))[0] as string, /returns a value on some ways/)
})

test("two letters in each other's place are told where the name stands nowhere else", async () => {
  const java = 'class A { int total(int a) { return a; } int b() { return total(1) + toatl(2); } }\n'
  const problem = "A.java:1: name 'toatl' stands nowhere else in the files written so far; there is 'total'"
  assert.equal(await outputOf({ 'A.java': java }), [problem, '1 problem found in A.java'])
  const other = { 'b/B.java': 'class B { int toatl(int a) { return a; } }\n' }
  assert.equal(await outputOf({ 'A.java': java, ...other }), ['no problems found in A.java'])
  assert.equal(await outputOf({ 'A.java': java.replace('toatl(2)', 'totals(2)') }), ['no problems found in A.java'])
  const twice = java.replace('toatl(2)', 'toatl(2) + toatl(3)')
  assert.equal(await outputOf({ 'A.java': twice }), ['no problems found in A.java'])
  const ruby = 'def total(a)\n  @count = a\n  @count + @coutn\nend\n'
  assert.match((await outputOf({ 'a.rb': ruby }))[0] as string, /a\.rb:3: name 'coutn' stands nowhere else/)
})

test('a name of the standard library that nothing imports is told', async () => {
  const missing = (name: string): string => `name '${name}' is used, and the file neither imports nor declares it`
  const cases: [Files, string | null][] = [
    [{ 'a.go': 'package a\n\nfunc f() { fmt.Println(1) }\n' }, 'fmt'],
    [{ 'a.go': 'package a\n\nimport "fmt"\n\nfunc f() { fmt.Println(1) }\n' }, null],
    [{ 'a.go': 'package a\n\nimport fmt "example.org/other"\n\nfunc f() { fmt.Println(1) }\n' }, null],
    [{ 'a.go': 'package a\n\nfunc f(fmt T) { fmt.Println(1) }\n' }, null],
    [{ 'a.go': 'package a\n\nfunc f() { json.Print(1) }\n', 'b.go': 'package a\n\nvar json = 1\n' }, null],
    [{ 'A.java': 'class A { List<String> a; }\n' }, 'List'],
    [{ 'A.java': 'import java.util.List;\nclass A { List<String> a; }\n' }, null],
    [{ 'A.java': 'import java.util.*;\nclass A { List<String> a; }\n' }, null],
    [{ 'A.java': 'class A { java.util.List<String> a; }\n' }, null],
    [{ 'A.java': 'class A { List<String> a; }\n', 'x/List.java': 'class List<T> {}\n' }, null],
    [{ 'a.rs': 'fn f(a: HashMap<u8, u8>) {}\n' }, 'HashMap'],
    [{ 'a.rs': 'use std::collections::HashMap;\nfn f(a: HashMap<u8, u8>) {}\n' }, null],
    [{ 'a.rs': 'use crate::prelude::*;\nfn f(a: HashMap<u8, u8>) {}\n' }, null],
    [{ 'a.rs': 'fn f(a: std::collections::HashMap<u8, u8>) {}\n' }, null],
    [{ 'a.rs': 'struct Path;\nfn f(a: Path) {}\n' }, null],
    [{ 'a.php': '<?php\nnamespace A;\nclass B extends Exception {}\n' }, 'Exception'],
    [{ 'a.php': '<?php\nclass B extends Exception {}\n' }, null],
    [{ 'a.php': '<?php\nnamespace A;\nuse Exception;\nclass B extends Exception {}\n' }, null],
    [{ 'a.php': '<?php\nnamespace A;\nclass B extends \\Exception {}\n' }, null],
    [{ 'a.php': '<?php\nnamespace A;\nclass Exception {}\nclass B extends Exception {}\n' }, null],
  ]
  for (const [files, name] of cases) {
    const [path, text] = Object.entries(files)[0] as [string, string]
    const [first] = await outputOf(files)
    const wanted = name === null ? `no problems found in ${path}` : missing(name)
    assert.ok(first?.endsWith(wanted), `${text}: ${first}`)
  }
})

test('what Go refuses for not being used is told', async () => {
  const go = 'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc f() {\n\tone := 1\n\t_ = 2\n\tfmt.Println()\n}\n'
  assert.equal(await outputOf({ 'a.go': go }), [
    "a.go:5: 'os' is imported and never used",
    "a.go:9: 'one' is given a value that is never used",
    '2 problems found in a.go',
  ])
})

test('what Ruby requires from the folder it is started in may be there', async () => {
  assert.equal(await outputOf({ 'a.rb': "require './b'\n" }), ['no problems found in a.rb'])
  assert.match(
    (await outputOf({ 'a.rb': "require_relative './b'\n" }))[0] as string,
    /'\.\/b' leads to no written file/,
  )
})

test('the words depend on path and files alone, whoever asks and how often', async () => {
  const files = { 'a.py': 'from .b import one\nprint(two)\n', '__init__.py': '', 'b.py': 'one = 1\n' }
  const first = await createChecker().check('a.py', diskOf(files))
  const reversed = Object.fromEntries(Object.entries(files).reverse())
  const both = await Promise.all([checker.check('a.py', diskOf(files)), checker.check('a.py', diskOf(reversed))])
  assert.equal(both, [first, first])
  const other = await checker.check('a.py', diskOf({ ...files, 'b.py': 'three = 1\n' }))
  assert.match(other.output, /b\.py has no 'one'/)
})

test.run()
