import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { counted } from '../../src/cli/counted.js'

const root = process.cwd()
const command = join(root, 'bin', 'retrace.mjs')

/** The project's own modules that a command loads, counted by a hook of Node's loader. */
function ownModules(args: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-start-'))
  try {
    const hook = `import { appendFileSync } from 'node:fs'
      export async function load(url, context, next) {
        if (url.includes('/dist/src/')) appendFileSync(${JSON.stringify(join(folder, 'loaded'))}, url + '\\n')
        return next(url, context)
      }`
    writeFileSync(join(folder, 'loaded'), '')
    writeFileSync(join(folder, 'hook.mjs'), hook)
    const register = `import { register } from 'node:module'; register(${JSON.stringify(pathToFileURL(join(folder, 'hook.mjs')).href)})`
    writeFileSync(join(folder, 'register.mjs'), register)
    const result = spawnSync(process.execPath, ['--import', join(folder, 'register.mjs'), command, ...args], {
      encoding: 'utf8',
      cwd: root,
    })
    assert.is(result.status, 0, result.stderr)
    const loaded = readFileSync(join(folder, 'loaded'), 'utf8')
    return loaded.split('\n').filter((line) => line !== '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const test = suite('start-up')

test('the version loads a handful of modules, and the help of a command no room that it does not need', () => {
  const version = ownModules(['--version'])
  assert.ok(version.length > 0, 'the hook saw nothing')
  assert.ok(version.length <= 8, `${version.length} modules:\n${version.join('\n')}`)
  assert.ok(ownModules(['run', '--help']).length > version.length, 'the help of a command loads its file')
})

test('before the first build the command says what to do, in one line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-unbuilt-'))
  mkdirSync(join(folder, 'bin'))
  cpSync(command, join(folder, 'bin', 'retrace.mjs'))
  const result = spawnSync(process.execPath, [join(folder, 'bin', 'retrace.mjs'), '--version'], { encoding: 'utf8' })
  rmSync(folder, { recursive: true, force: true })
  assert.is(result.status, 2)
  assert.match(result.stderr, /^retrace: not built yet\. Run "npm run build" in .*\n$/)
})

test('one thing is named in the singular, and any other number of things in the plural', () => {
  assert.is(counted(1, 'repositories'), '1 repository')
  assert.is(counted(0, 'repositories'), '0 repositories')
  assert.is(counted(2, 'files'), '2 files')
  assert.is(counted(1, 'files'), '1 file')
  assert.is(counted(1, 'boxes'), '1 box')
  assert.is(counted(1, 'pieces'), '1 piece')
})

test.run()
