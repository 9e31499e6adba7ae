import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { importsOfPython } from '../../../src/grounding/languages/python/imports.js'
import { importsOfRust } from '../../../src/grounding/languages/rust/imports.js'
import { importsOfScript } from '../../../src/grounding/languages/script/imports.js'
import type { RawImport } from '../../../src/grounding/languages/raw-import.js'
import { rowOf, type SourceLanguage } from '../../../src/grounding/languages/table.js'
import { withTree } from '../../../src/grounding/parsing/parser.js'

const test = suite('imports by keyword')

async function specifiers(
  language: SourceLanguage,
  text: string,
  read: (root: Parameters<typeof importsOfPython>[0]) => RawImport[],
): Promise<string[]> {
  return withTree(rowOf(language).support.grammar, text, ({ rootNode }) => read(rootNode).map((raw) => raw.specifier))
}

test('a script takes from elsewhere by import, re-export, require and import(), in the order of the text', async () => {
  const text = [
    "import a from 'a' // import x from 'no'",
    "export type { B } from 'b'",
    "export const text = `import c from 'no'`",
    "async function f() { return [(await import('c')).default, require('d')(require)] }",
    "import /* import */ e from 'e'",
    "export /* here */ * from 'f'",
  ].join('\n')
  assert.equal(await specifiers('typescript', text, importsOfScript), ['a', 'b', 'c', 'd', 'e', 'f'])
})

test('Python imports wherever a statement may begin, and not in prose', async () => {
  const text = [
    '"""',
    'import no',
    'from no import nothing',
    '"""',
    'import a; from b import c',
    'if a: import d',
    'try:',
    '\tfrom e import (f, # from no import g',
    '\t\th)',
    'except ImportError: pass',
    'raise ValueError from a',
    'from i \\',
    '  import j',
  ].join('\n')
  assert.equal(await specifiers('python', text, importsOfPython), ['a', 'b', 'd', 'e', 'i'])
})

test('Rust uses behind visibility and attributes, and not in comments', async () => {
  const text = [
    '// use no::a;',
    '#[cfg(test)] pub(crate) use a::b;',
    '/* c */ pub mod c;',
    'fn f() { use d::e; }',
    'extern crate g; extern "C" fn h() {}',
  ].join('\n')
  assert.equal(await specifiers('rust', text, importsOfRust), ['a::b', 'c', 'd::e', 'g'])
})

test.run()
