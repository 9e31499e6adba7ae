import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { aboutRepository } from '../../../src/grounding/manifests/about-repository.js'
import { describeImport, ground, writeRepository } from '../repository-fixture.js'

// Each of these inputs once took minutes or never ended: a test fails by not ending.
const test = suite('hostile manifests')

const importsOf = async (files: Record<string, string>, path: string): Promise<string[]> =>
  (await ground(writeRepository(files))).file(path).imports.map(describeImport)

test('a tsconfig that is reached by millions of ways through "extends" is read once', async () => {
  const [width, depth] = [6, 14]
  const layer = (level: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: width }, (_, at) => {
        const above = Array.from({ length: width }, (_, one) => `./layer-${level + 1}-${one}.json`)
        const paths = { '@/*': ['../src/*'] }
        const json = level + 1 < depth ? { extends: above } : { compilerOptions: { baseUrl: '.', paths } }
        return [`configs/layer-${level}-${at}.json`, JSON.stringify(json)]
      }),
    )
  const files = Object.assign({}, ...Array.from({ length: depth }, (_, level) => layer(level))) as Record<
    string,
    string
  >
  files['tsconfig.json'] = JSON.stringify({ extends: './configs/layer-0-0.json' })
  files['src/a.ts'] = 'import { b } from "@/b"\nb()\n'
  files['src/b.ts'] = 'export const b = () => 1\n'
  assert.equal(await importsOf(files, 'src/a.ts'), ['@/b {b} -> src/b.ts'])
})

test('conditions of "exports" nested ten thousand deep lead nowhere', async () => {
  const depth = 10_000
  const nested = '[\n'.repeat(depth) + '"./x.js"\n' + ']\n'.repeat(depth)
  const files = { 'package.json': `{"name": "p", "exports":\n${nested}}`, 'a.js': 'import "p/q"\n', 'x.js': 'x()\n' }
  assert.equal(await importsOf(files, 'a.js'), ['p/q {} -> unresolved'])
})

test('an absolute folder of composer.json ends the walk upwards', async () => {
  const manifest = JSON.stringify({ autoload: { 'psr-4': { 'A\\': '/elsewhere' } } })
  const files = { 'composer.json': manifest, 'a.php': '<?php\nuse A\\B;\nclass C extends B {}\n' }
  assert.equal(await importsOf(files, 'a.php'), ['A\\B {B} -> external A'])
})

test('an include with backslashes that begins at the root of a disk is no path of the repository', async () => {
  const files = { 'a.c': '#include "\\elsewhere\\x.h"\nint a;\n' }
  assert.equal(await importsOf(files, 'a.c'), ['\\elsewhere\\x.h {*} -> unresolved'])
})

test('keys that name what every object inherits are keys like others', async () => {
  const files = {
    'package.json': '{"name": "p", "exports": {"__proto__": "./x.js"}, "imports": {"#a": {"constructor": "./x.js"}}}',
    'tsconfig.json': '{"compilerOptions": {"paths": {"__proto__": ["./x"]}}}',
    'a.ts': 'import "__proto__"\nimport "constructor"\nimport "#a"\nimport "#toString"\n',
    'x.js': 'x()\n',
  }
  const expected = ['__proto__ {} -> x.js', 'constructor {} -> external constructor', '#a {} -> x.js']
  assert.equal(await importsOf(files, 'a.ts'), [...expected, '#toString {} -> unresolved'])
})

test('a README of brackets that never close has no title', () => {
  const open = `${'['.repeat(4_000)}\n`.repeat(200)
  assert.is(aboutRepository(new Map([['README.md', `<h1>${open}</h1>\n`]])).about.title, '')
})

test.run()
