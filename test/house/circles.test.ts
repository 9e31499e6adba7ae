import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { writeRepository } from '../support.js'
import { importsBelow, type Import } from './imports.js'

// Files that import each other in a circle can only be understood, moved and tested together. Types count: a circle of
// types is one concept that lies in two files, or two concepts in one.

/** The files that can be reached from a file, each with the file that it was reached from. */
function reachedFrom(start: string, targets: Map<string, string[]>): Map<string, string> {
  const reached = new Map<string, string>()
  const queue = [start]
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const target of targets.get(file) ?? []) {
      if (reached.has(target)) continue
      reached.set(target, file)
      queue.push(target)
    }
  }
  return reached
}

/** A shortest circle through a file that reaches itself: the files in the order of their imports. */
function circleThrough(file: string, reached: Map<string, string>): string[] {
  const circle: string[] = []
  for (let from = reached.get(file)!; from !== file; from = reached.get(from)!) circle.unshift(from)
  return [file, ...circle]
}

/** For every group of files that reach each other, a shortest circle through its first file, and the size of the group. */
function findCircles(imports: Import[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to])
  const reachedBy = new Map([...targets.keys()].map((file) => [file, reachedFrom(file, targets)]))
  const grouped = new Set<string>()
  return [...reachedBy].flatMap(([file, reached]) => {
    if (!reached.has(file) || grouped.has(file)) return []
    const group = [...reached.keys()].filter((other) => reachedBy.get(other)?.has(file))
    for (const member of group) grouped.add(member)
    const circle = circleThrough(file, reached)
    const size = group.length === circle.length ? '' : ` (${group.length} files reach each other)`
    return [[...circle, file].join(' -> ') + size]
  })
}

const test = suite('circles')

test('no file of src imports itself through others, types included', () => {
  const imports = importsBelow(join(process.env.RETRACE_ROOT ?? process.cwd(), 'src'))
  assert.ok(imports.length > 500, `the walk saw only ${imports.length} imports`)
  assert.equal(findCircles(imports), [])
})

test('a circle of values, of types, by re-export and by import() is found', () => {
  const folder = writeRepository({
    'value/a.ts': "import { b } from './b.js'\nexport const a = () => b()\n",
    'value/b.ts': "import { a } from './a.js'\nimport { z } from './z.js'\nexport const b = () => a()\n",
    'value/z.ts': "import { b } from './b.js'\n",
    'type/c.ts': "import type { D } from './d.js'\nexport interface C { d: D }\n",
    'type/d.ts': "export type D = string\nexport type E = import('./e.js').E\n",
    'type/e.ts': "import { type C } from './c.js'\nexport interface E { c: C }\n",
    'room/index.ts': "export { f } from './f.js'\n",
    'room/f.ts': "export const f = async () => (await import('../room/index.js')).f\n",
    'straight/g.ts': "import { h } from './h.js'\nimport { i } from './i.js'\nimport { a } from '../value/a.js'\n",
    'straight/h.ts': "import { i } from './i.js'\n",
    'straight/i.ts': 'export const i = 1\n',
  })
  assert.equal(findCircles(importsBelow(folder)), [
    'room/f.ts -> room/index.ts -> room/f.ts',
    'type/c.ts -> type/d.ts -> type/e.ts -> type/c.ts',
    'value/a.ts -> value/b.ts -> value/a.ts (3 files reach each other)',
  ])
})

test('a file that imports itself is a circle', () => {
  const folder = writeRepository({ 'a.ts': "import type { A } from './a.js'\nexport type B = A\n" })
  assert.equal(findCircles(importsBelow(folder)), ['a.ts -> a.ts'])
})

test.run()
