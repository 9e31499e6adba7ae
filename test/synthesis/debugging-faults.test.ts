import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../src/core/index.js'
import { parseFile, languageOf } from '../../src/grounding/index.js'
import type { FileRecord } from '../../src/records/index.js'
import { createChecker } from '../../src/synthesis/debugging/checker.js'
import { faultKinds, faultTable, type FaultKind } from '../../src/synthesis/debugging/faults/fault-table.js'
import { tryFaults } from './fault-statistics.js'
import { applyFault, planDebugging, type DebuggingInput } from '../../src/synthesis/debugging/plan-debugging.js'
import { readSource } from '../../src/synthesis/debugging/source.js'
import { synthesisOptionsSchema } from '../../src/synthesis/index.js'
import { diskOf } from './disk-of.js'

const test = suite('faults')

const script = [
  "import { readAll } from './files.js'",
  '',
  '/** Adds up, grüße 🎉. */',
  'export function sum(values: number[], offset: number): number {',
  '  let total = 0',
  '  for (let index = 0; index < values.length; index++) total += values[index] ?? 0',
  '  return total + offset',
  '}',
  '',
  'export async function load(paths: string[], offset: number): Promise<number> {',
  '  const lists = await readAll(paths)',
  '  if (lists.length > 1) return sum(lists.flat(), offset)',
  '  await settle(paths, offset)',
  '  return offset',
  '}',
  '',
  'async function settle(paths: string[], offset: number): Promise<void> {',
  '  if (paths.length > offset) await readAll(paths)',
  '}',
  '',
].join('\n')

const python = [
  'from .files import read_all',
  '',
  '',
  'def total(values, offset) -> int:',
  '    """Adds up, grüße 🎉."""',
  '    result = 0',
  '    for index in range(len(values)):',
  '        result += values[index]',
  '    if result > offset:',
  '        return result',
  '    return offset',
  '',
  '',
  'async def load(values, offset):',
  '    await settle(values, offset)',
  '    return total(values, offset) + read_all()',
  '',
  '',
  'async def settle(values, offset):',
  '    return [values, offset]',
  '',
].join('\n')

const others = {
  'pkg/__init__.py': '',
  'pkg/files.py': 'def read_all():\n    return 1\n',
  'pkg/files.ts':
    'export async function readAll(paths: string[]): Promise<number[][]> {\n  return [[paths.length]]\n}\n',
}

async function inputFor(path: string, text: string, seed = 0): Promise<DebuggingInput> {
  const language = languageOf(path)
  const { outline } = await parseFile({ path, language, text, maxParseChars: 1e6, maxOutlineDepth: 3 })
  const truth = Buffer.from(text)
  return {
    file: { path, language, outline, sizeBytes: truth.length } as unknown as FileRecord,
    truth,
    disk: diskOf(others),
    checker: createChecker(),
    kinds: faultKinds,
    random: seededRandom('test', seed),
    maxActionBytes: 12_000,
  }
}

for (const [path, text] of [
  ['pkg/a.ts', script],
  ['pkg/a.py', python],
] as const) {
  test(`every kind of fault has a place in ${path}, and a check sees it`, async () => {
    for (const kind of faultKinds) {
      const input = { ...(await inputFor(path, text)), kinds: [kind] }
      const plan = await planDebugging(input)
      assert.ok(plan, `${kind} in ${path}`)
      assert.is(plan.fault.kind, kind)
      assert.is(plan.right.problems, 0)
      assert.ok(plan.wrong.problems > 0)
      const wrong = Buffer.from(applyFault(input.truth, plan.fault))
      assert.is(wrong.equals(input.truth), false)
      const source = await readSource(path, text)
      assert.ok(source)
      const wanted = faultTable[kind](source).map(
        (change) => text.slice(0, change.start) + change.text + text.slice(change.end),
      )
      assert.ok(wanted.includes(wrong.toString('utf8')), 'the bytes are not those of the place in the text')
      assert.not.match(plan.fault.detail, /\n/)
    }
  })
}

test('the kinds that the options allow are those of the table, and another kind is refused with their names', () => {
  assert.equal(synthesisOptionsSchema.parse({}).debugging.kinds, Object.keys(faultTable))
  const { error } = synthesisOptionsSchema.safeParse({ debugging: { kinds: ['no-such-kind'] } })
  for (const kind of Object.keys(faultTable)) assert.ok(error?.message.includes(kind), kind)
})

test('the places are the same every time, and in order within the file', async () => {
  const source = await readSource('pkg/a.ts', script)
  assert.ok(source)
  for (const kind of faultKinds) {
    const places = faultTable[kind](source)
    assert.equal(faultTable[kind](source), places)
    for (const { start, end } of places) assert.ok(start >= 0 && start <= end && end <= script.length, kind)
  }
})

test('the same seed gives the same fault, and other seeds give others', async () => {
  const details = new Set<string>()
  const kinds = new Set<FaultKind>()
  for (let seed = 0; seed < 12; seed++) {
    const plan = await planDebugging(await inputFor('pkg/a.ts', script, seed))
    assert.equal(await planDebugging(await inputFor('pkg/a.ts', script, seed)), plan)
    if (plan !== null) kinds.add(plan.fault.kind)
    details.add(plan?.fault.detail ?? '')
  }
  assert.ok(kinds.size > 3 && details.size > 5, `${[...kinds].join()} ${details.size}`)
})

for (const [path, text, kinds] of [
  [
    'pkg/a.go',
    'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc total(values []int, offset int) int {\n\treturn len(values) + offset\n}\n\nfunc Print(values []int) {\n\tfmt.Println(total(values, 1), os.Args)\n\tfmt.Println(total(values, 2))\n}\n',
    ['missing-argument', 'missing-import', 'renamed-symbol', 'wrong-import'],
  ],
  [
    'pkg/A.java',
    'import java.util.List;\n\nclass A {\n    int total(int a, int b) {\n        return a + b;\n    }\n\n    int all(List<String> list) {\n        return total(list.size(), 1) + total(2, 3);\n    }\n}\n',
    ['missing-argument', 'missing-import', 'renamed-symbol', 'wrong-import'],
  ],
] as const) {
  test(`the faults of ${path} are of all kinds that a check sees, a lost bracket only where there is no other`, async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 24; seed++)
      seen.add((await planDebugging(await inputFor(path, text, seed)))?.fault.kind ?? '')
    assert.equal([...seen].sort(), kinds)
    const small = await inputFor(
      path.replace(/\w+(?=\.)/, 'b'),
      path.endsWith('go') ? 'package a\n\nvar a = f()\n' : 'class B {}\n',
    )
    assert.is((await planDebugging(small))?.fault.kind, 'unclosed-block')
  })
}

test('a file in which the check finds something already gets no fault', async () => {
  const broken = await inputFor('pkg/a.ts', `${script}nowhere(1)\n`)
  assert.is(await planDebugging(broken), null)
  assert.is(await tryFaults(broken), null)
})

test('a file without a place for a kind gets no fault of it', async () => {
  const input = await inputFor('pkg/b.ts', 'export const one = 1\n')
  assert.is(await planDebugging({ ...input, kinds: ['dropped-await', 'off-by-one', 'wrong-import'] }), null)
  const outcomes = await tryFaults(input)
  assert.is(outcomes?.['dropped-await'], 'no place')
})

test('a fault stays within one part of a file that is written in several', async () => {
  const input = { ...(await inputFor('pkg/a.ts', script.repeat(1))), maxActionBytes: 256 }
  for (let seed = 0; seed < 8; seed++) {
    const plan = await planDebugging({ ...input, random: seededRandom('parts', seed) })
    assert.ok(plan)
  }
})

test.run()
