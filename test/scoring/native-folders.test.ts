import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { installedCopy, runWith } from './package-copy.js'

const test = suite('the folders of the native engine')
const platform = `${process.platform}-${process.arch}`
const installed = installedCopy(['onnxruntime-node'])
const cache = mkdtempSync(join(tmpdir(), 'retrace-cache-'))

/** Where the package looks for the engine, and where it would build it. */
function foldersOf(
  of = installed,
  env: NodeJS.ProcessEnv = { XDG_CACHE_HOME: cache },
): { found: string; build: string } {
  const program = 'console.log(JSON.stringify({ found: folders.nativeFolder(), build: folders.nativeBuildFolder() }))'
  const { stdout, stderr } = runWith(of, program, env)
  assert.ok(stdout !== '', stderr)
  return JSON.parse(stdout) as { found: string; build: string }
}

function putAddon(folder: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'retrace.node'), 'no library')
}

test('what was built here comes before what the package brought, and RETRACE_NATIVE_DIR before all', () => {
  const { build: ownCache } = foldersOf()
  assert.match(ownCache.slice(cache.length), new RegExp(`^/retrace/native/\\d+\\.\\d+\\.\\d+[^/]*-${platform}$`))
  const checkout = join(installed, 'build', 'native')
  assert.is(foldersOf().found, checkout)
  const order = [join(installed, 'prebuilds', platform), ownCache, checkout]
  for (const folder of order) {
    putAddon(folder)
    assert.is(foldersOf().found, folder)
  }
  const named = { XDG_CACHE_HOME: cache, RETRACE_NATIVE_DIR: '/somewhere/else' }
  assert.equal(foldersOf(installed, named), { found: '/somewhere/else', build: '/somewhere/else' })
  for (const folder of order) rmSync(folder, { recursive: true })
})

test('a relative RETRACE_NATIVE_DIR is a folder below the current one, not the name of a module', () => {
  for (const path of Object.values(foldersOf(installed, { RETRACE_NATIVE_DIR: 'native/here' })))
    assert.ok(isAbsolute(path) && path.endsWith(join('native', 'here')), path)
})

test('without XDG_CACHE_HOME the cache is below the home', () => {
  const home = mkdtempSync(join(tmpdir(), 'retrace-home-'))
  assert.ok(foldersOf(installed, { HOME: home }).build.startsWith(join(home, '.cache', 'retrace', 'native')))
})

test('a prebuilt addon of another processor, or one that is cut off, is one line with the next step', () => {
  const folder = join(installed, 'prebuilds', platform)
  mkdirSync(folder, { recursive: true })
  const elf = Buffer.alloc(64)
  elf.writeUInt32BE(0x7f454c46, 0)
  elf[4] = 2
  elf.writeUInt16LE(243, 18) // RISC-V
  const cut = Buffer.from(elf)
  cut.writeBigUInt64LE(5000n, 40)
  const program = `
    try { await scoring.createScorer({ backend: 'native', modelDir: '/nowhere' }) }
    catch (error) { console.log(error.code, error.message) }`
  for (const [bytes, why] of [
    [elf, `it was built for processor 243 of the ELF list, not ${process.arch}`],
    [cut, 'it is cut off, as a copy that was interrupted leaves it'],
  ] as const) {
    writeFileSync(join(folder, 'retrace.node'), bytes)
    const { stdout } = runWith(installed, program, { XDG_CACHE_HOME: cache })
    const path = join(folder, 'retrace.node')
    const next = 'Build it on this machine: retrace build-native.'
    assert.is(stdout, `NATIVE_INCOMPATIBLE ${path} does not fit: ${why}. ${next}\n`)
  }
  rmSync(folder, { recursive: true })
})

test('a checkout builds in its own folder, and one that cannot be written to in the cache', () => {
  // Beside the node_modules, and not in it: a checkout.
  const moved = join(dirname(dirname(installed)), 'checkout')
  cpSync(installed, moved, { recursive: true })
  assert.is(foldersOf(moved).build, join(moved, 'build', 'native'))
  if (process.getuid?.() === 0) {
    return void process.stdout.write('skipped: a folder that cannot be written to: root can write to all\n')
  }
  chmodSync(moved, 0o555)
  assert.ok(foldersOf(moved).build.startsWith(cache))
  chmodSync(moved, 0o755)
})

test.run()
