import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { describeImport, ground, writeRepository } from '../repository-fixture.js'

const test = suite('imports')

async function importsOf(path: string, files: Record<string, string>, name?: string): Promise<string[]> {
  const { file } = await ground(writeRepository(files, name))
  return file(path).imports.map(describeImport)
}

test('every form of a JavaScript import is found, with the names as the module calls them', async () => {
  const code = [
    "import a, { b as c, type D } from './a.js'",
    "import * as all from './a.js'",
    "import './effect.js'",
    "import old = require('./old')",
    "export { m as n } from './m.js'",
    "export * from './m.js'",
    "import type { T } from './types.js'",
    "const { p, q: r } = require('./cjs')",
    "const lazy = await import('./lazy.js')",
    "require('./effect2')",
    "type U = import('./types.js').U",
    "const computed = require('./' + name)",
  ]
  const names = ['a', 'effect', 'old', 'm', 'types', 'cjs', 'lazy', 'effect2']
  const files = Object.fromEntries(names.map((name) => [`${name}.ts`, 'export {}\n']))
  assert.equal(await importsOf('main.ts', { 'main.ts': code.join('\n'), ...files }), [
    './a.js {default,b,D,*} -> a.ts',
    './effect.js {} -> effect.ts',
    './old {*} -> old.ts',
    './m.js {m,*} -> m.ts',
    './types.js {T,U} -> types.ts',
    './cjs {p,q} -> cjs.ts',
    './lazy.js {*} -> lazy.ts',
    './effect2 {} -> effect2.ts',
  ])
})

test('relative specifiers find sources, indexes, JSON and say why they find nothing', async () => {
  const code = [
    "import './x.js'",
    "import './y.mjs'",
    "import './folder'",
    "import './view.js'",
    "import data from './data.json'",
    "import './style.css'",
    "import './missing.js'",
    "import '../outside.js'",
    "import './picture.png'",
    "import '..'",
  ]
  const { file } = await ground(
    writeRepository({
      'src/main.ts': code.join('\n'),
      'src/x.ts': 'export {}\n',
      'src/y.mts': 'export {}\n',
      'src/folder/index.tsx': 'export {}\n',
      'src/view.tsx': 'export {}\n',
      'src/data.json': '{}\n',
      'src/style.css': 'a {}\n',
      'src/picture.png': Uint8Array.of(137, 80, 78, 71, 0),
      'outside.ts': 'export {}\n',
      'package.json': '{ "name": "sample", "main": "src/x.ts" }',
    }),
  )
  const { imports } = file('src/main.ts')
  assert.equal(imports.map(describeImport), [
    './x.js {} -> src/x.ts',
    './y.mjs {} -> src/y.mts',
    './folder {} -> src/folder/index.tsx',
    './view.js {} -> src/view.tsx',
    './data.json {default} -> src/data.json',
    './style.css {} -> src/style.css',
    './missing.js {} -> unresolved',
    '../outside.js {} -> outside.ts',
    './picture.png {} -> unresolved',
    '.. {} -> src/x.ts',
  ])
  const reasons = imports.flatMap(({ target }) => (target.kind === 'unresolved' ? [target.reason] : []))
  assert.equal(reasons, ['no such file in the repository', 'src/picture.png was skipped (binary)'])
})

test('bare specifiers are external but for path mappings, the package itself and its workspace', async () => {
  const code = [
    "import 'node:fs'",
    "import 'fs/promises'",
    "import '@scope/other/deep'",
    "import 'left-pad/lib'",
    "import '@/util'",
    "import 'shop'",
    "import 'shop/parts/cart'",
    "import 'sibling'",
    "import '#internal'",
    "import '#nothing'",
  ]
  const imports = await importsOf('src/main.ts', {
    'src/main.ts': code.join('\n'),
    'src/util.ts': 'export {}\n',
    'src/index.ts': 'export {}\n',
    'src/parts/cart.ts': 'export {}\n',
    'src/internal.ts': 'export {}\n',
    'packages/sibling/package.json': '{ "name": "sibling", "main": "./code.js" }',
    'packages/sibling/code.js': 'module.exports = 1\n',
    'tsconfig.json':
      '{\n  // "comments" are allowed\n  "compilerOptions": { "baseUrl": ".", "paths": { "@/*": ["src/*"], }, },\n}\n',
    'package.json': JSON.stringify({
      name: 'shop',
      exports: { '.': { import: './dist/index.js' }, './parts/*': './dist/parts/*.js' },
      imports: { '#internal': './src/internal.ts' },
    }),
  })
  assert.equal(imports, [
    'node:fs {} -> external node:fs',
    'fs/promises {} -> external node:fs/promises',
    '@scope/other/deep {} -> external @scope/other',
    'left-pad/lib {} -> external left-pad',
    '@/util {} -> src/util.ts',
    'shop {} -> src/index.ts',
    'shop/parts/cart {} -> src/parts/cart.ts',
    'sibling {} -> packages/sibling/code.js',
    '#internal {} -> src/internal.ts',
    '#nothing {} -> unresolved',
  ])
})

test('compiled files that a checkout does not have lead to their sources', async () => {
  const imports = await importsOf('test/a.js', {
    'test/a.js':
      "import '../dist/esm/x.js'\nimport '../dist'\nimport '../lib/y.js'\nimport 'own/z'\nimport '../dist/none.js'\n",
    'src/x.ts': '',
    'src/index.ts': '',
    'z.js': '',
    'y.js': '',
    'package.json': JSON.stringify({ name: 'own', exports: { './z': './dist/cjs/z.js' } }),
  })
  assert.equal(imports, [
    '../dist/esm/x.js {} -> src/x.ts',
    '../dist {} -> src/index.ts',
    '../lib/y.js {} -> unresolved',
    'own/z {} -> z.js',
    '../dist/none.js {} -> unresolved',
  ])
})

test('an import of what was skipped says so, for a folder and for a package as well', async () => {
  const { file } = await ground(
    writeRepository({
      'a.js': "import '#styles'\nimport 'own'\nimport './vendor/x.js'\n",
      'vendor/x.js': 'x\n',
      'own.min.js': 'x\n',
      'package.json': JSON.stringify({ name: 'own', main: 'own.min.js', imports: { '#styles': './vendor/x.js' } }),
    }),
  )
  const reasons = file('a.js').imports.map(({ target }) => (target.kind === 'unresolved' ? target.reason : target.kind))
  assert.equal(reasons, [
    'vendor was skipped (vendored)',
    'own.min.js was skipped (generated)',
    'vendor was skipped (vendored)',
  ])
})

test('a Python import of what was skipped says so', async () => {
  const { file } = await ground(
    writeRepository({
      'p/__init__.py': 'from .vendor import x\nfrom .made import y\n',
      'p/vendor/x.py': '',
      'p/made.py': '# @generated\n',
    }),
  )
  const reasons = file('p/__init__.py').imports.map(({ target }) =>
    target.kind === 'unresolved' ? target.reason : target.kind,
  )
  assert.equal(reasons, ['p/vendor was skipped (vendored)', 'p/made.py was skipped (generated)'])
})

test('within a cycle, what is needed for types or in functions alone may come later', async () => {
  // By their paths alone the first file of each pair would come first.
  const { snapshot } = await ground(
    writeRepository({
      'a.ts': "import { b } from './b.js'\nexport type A = typeof b\n",
      'b.ts': "import type { A } from './a.js'\nexport const b = 1\n",
      'c.js': "require('./d')\n",
      'd.js': "function f() { return require('./c') }\n",
      'e.py': 'from f import F\n',
      'f.py': 'import typing\nif typing.TYPE_CHECKING:\n    from e import E\n',
      'g.py': 'import h\n',
      'h.py': 'def f():\n    import g\n',
      'i.py': 'import j\n',
      'j.py': 'if TYPE_CHECKING:\n    pass\nelse:\n    import i\n',
    }),
  )
  assert.equal(snapshot.order, ['b.ts', 'a.ts', 'd.js', 'c.js', 'f.py', 'e.py', 'h.py', 'g.py', 'i.py', 'j.py'])
})

test('Python imports find modules, packages and the names in them, wherever they stand', async () => {
  const code = [
    'import os, pkg.util as u',
    'from . import sub, VERSION',
    'from .sub.deep import a as b, c',
    'from .. import up',
    'from pkg import *',
    'try:',
    '    import pkg.missing',
    'except ImportError:',
    '    from third.party import thing',
    'def f():',
    '    if TYPE_CHECKING:',
    '        from .late import Late',
    'from .gone import x',
  ]
  const imports = await importsOf('src/pkg/mod.py', {
    'src/pkg/mod.py': code.join('\n') + '\n',
    'src/pkg/__init__.py': 'VERSION = 1\n',
    'src/pkg/util.py': '',
    'src/pkg/late.py': '',
    'src/pkg/sub/__init__.py': '',
    'src/pkg/sub/deep.py': '',
    'src/up.py': '',
  })
  assert.equal(imports, [
    'os {*} -> external os',
    'pkg.util {*} -> src/pkg/util.py',
    '. {*} -> src/pkg/sub/__init__.py',
    '. {VERSION} -> src/pkg/__init__.py',
    '.sub.deep {a,c} -> src/pkg/sub/deep.py',
    '.. {*} -> src/up.py',
    'pkg {*} -> src/pkg/__init__.py',
    'pkg.missing {*} -> unresolved',
    'third.party {thing} -> external third',
    '.late {Late} -> src/pkg/late.py',
    '.gone {x} -> unresolved',
  ])
})

test('a root that is itself a package is imported by its own name, and not by the names of its modules', async () => {
  const files = {
    '__init__.py': 'from .decoder import Decoder\nfrom . import _speedups, __file__\n',
    'decoder.py': 'import types\nfrom jason import types as t\nimport jason.scanner\n',
    'types.py': '',
    'scanner.py': '',
  }
  const folder = writeRepository(files, 'jason')
  const { file, snapshot } = await ground(folder)
  assert.equal(file('decoder.py').imports.map(describeImport), [
    'types {*} -> external types',
    'jason {*} -> types.py',
    'jason.scanner {*} -> scanner.py',
  ])
  assert.equal(file('__init__.py').imports.map(describeImport), [
    '.decoder {Decoder} -> decoder.py',
    '. {_speedups} -> unresolved',
    '. {__file__} -> __init__.py',
  ])
  assert.equal(snapshot.importCounts, { file: 4, external: 1, unresolved: 1 })
})

test('a folder without __init__.py is a namespace whose modules are found', async () => {
  const imports = await importsOf('run.py', {
    'run.py': 'from space import inner\nimport space.inner\nimport space\n',
    'space/inner.py': 'X = 1\n',
  })
  assert.equal(imports, ['space {*} -> space/inner.py', 'space.inner {*} -> space/inner.py', 'space {*} -> unresolved'])
})

test('manifests come first in the order, then code by its dependencies with what it reads, then other texts', async () => {
  const { snapshot } = await ground(
    writeRepository({
      'README.md': '# Sample\n',
      'package.json': '{ "name": "sample" }',
      'a.js': "require('./z')\nrequire('./table.json')\n",
      'z.js': 'module.exports = 1\n',
      'table.json': '{}\n',
      'docs/guide.md': 'Guide.\n',
    }),
  )
  assert.equal(snapshot.order, ['package.json', 'table.json', 'z.js', 'a.js', 'README.md', 'docs/guide.md'])
  assert.equal(snapshot.dependencies, [
    ['a.js', 'table.json'],
    ['a.js', 'z.js'],
  ])
})

test('a specifier of more than a thousand characters is not looked for', async () => {
  const { file } = await ground(
    writeRepository({ 'a.js': `import '${'./'.repeat(600)}b.js'\n${'x()\n'.repeat(100)}`, 'b.js': '' }),
  )
  assert.equal(file('a.js').imports[0]?.target, { kind: 'unresolved', reason: 'too long' })
})

test.run()
