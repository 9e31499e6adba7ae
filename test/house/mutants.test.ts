import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { writeRepository } from '../support.js'

// The faults that `npm run mutate` plants, each seen once as `before -> after`.

interface Fault {
  operator: string
  start: number
  end: number
  replacement: string
}

const root = process.env.RETRACE_ROOT ?? process.cwd()
const operators = async (name: string): Promise<{ faultsOf: (...args: unknown[]) => Fault[] }> =>
  (await import(pathToFileURL(join(root, 'scripts/mutation', name)).href)) as Awaited<ReturnType<typeof operators>>

const shown = (text: string, faults: Fault[]): string[] =>
  faults.map(({ operator, start, end, replacement }) => `${operator}: ${text.slice(start, end)} -> ${replacement}`)

const test = suite('mutants')

test('TypeScript gets the faults of its conditions, operators, numbers, statements, results and arguments', async () => {
  const text = `import { a } from './a.js'
interface Sizes { size: 1; ok: true }
export function f(list: number[], word: string | null): number[] {
  if (list.length > 0 && word !== null) list.push(1)
  while (!(list.length >= 3)) list.pop()
  const text: 2 | 3 = list.length === 7 ? 2 : 3
  a(word, list.length - text, 4096)
  for (const item of list) if (item) continue
  return list.map((value) => value * 2)
}
export const g = (x: string): string | null => { return x || null }
`
  const folder = writeRepository({ 'a.ts': 'export declare function a(...x: unknown[]): void', 'f.ts': text })
  const program = ts.createProgram([join(folder, 'f.ts')], { strict: true, target: ts.ScriptTarget.ES2023 })
  const { faultsOf } = await operators('script-operators.mjs')
  const faults = faultsOf(program.getSourceFile(join(folder, 'f.ts')), program.getTypeChecker())
  assert.equal(shown(text, faults), [
    'negate a condition: list.length > 0 && word !== null -> !(list.length > 0 && word !== null)',
    'swap an operator: && -> ||',
    'swap an operator: > -> >=',
    'change a number: 0 -> 1',
    'swap an operator: !== -> ===',
    'drop a statement: list.push(1) -> ;',
    'drop an argument: 1 -> ',
    'change a number: 1 -> 0',
    'negate a condition: !(list.length >= 3) -> !(!(list.length >= 3))',
    'negate a condition: !(list.length >= 3) -> (list.length >= 3)',
    'swap an operator: >= -> >',
    'change a number: 3 -> 4',
    'drop a statement: list.pop() -> ;',
    'negate a condition: list.length === 7 -> !(list.length === 7)',
    'swap an operator: === -> !==',
    'change a number: 7 -> 8',
    'change a number: 2 -> 3',
    'change a number: 3 -> 4',
    'drop a statement: a(word, list.length - text, 4096) -> ;',
    'drop an argument: , 4096 -> ',
    'swap an operator: - -> +',
    'negate a condition: item -> !(item)',
    'drop a statement: continue -> ;',
    'return something empty: list.map((value) => value * 2) -> []',
    'drop an argument: (value) => value * 2 -> ',
    'swap an operator: * -> /',
    'change a number: 2 -> 3',
    'return something empty: x || null -> null',
    'swap an operator: || -> &&',
  ])
})

test('C++ gets them by the line, outside of texts, comments and directives', async () => {
  const text = `#include "a.h"  // 1 + 1
// a < b
int count(const int *list, int size) {
  int sum = 0;
  for (int i = 1; i < size; ++i) {
    if (!list[i] || is_odd(list[i])) continue;  // a && b
    if (is_odd(sum)) sum = sum + list[i];
    log("a < b && 0", sum, size);
  }
  return sum == size ? true : sum;
}
`
  const { faultsOf } = await operators('native-operators.mjs')
  assert.equal(shown(text, faultsOf(text)), [
    'change a number: 0 -> 1',
    'swap an operator:  <  ->  <= ',
    'change a number: 1 -> 0',
    'swap an operator:  ||  ->  && ',
    'negate a condition: ! -> ',
    'drop a statement: continue; -> ;',
    'swap an operator:  +  ->  - ',
    'negate a condition:  -> !',
    'drop a statement: log("          ", sum, size); -> ;'.replace('          ', 'a < b && 0'),
    'drop an argument: , size -> ',
    'swap an operator:  ==  ->  != ',
    'change a truth value: true -> false',
  ])
})

test.run()
