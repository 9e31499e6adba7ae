import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { installedCopy } from '../scoring/package-copy.js'

// What `npm run build:native` prints. A script stands in for CMake: it builds nothing, and fails on request.
const test = suite('build:native')
const root = process.env.RETRACE_ROOT ?? process.cwd()

/** Builds in a folder that holds libraries of an earlier build; with `broken`, the CUDA device does not build. */
function build(
  configureLines: string,
  broken: boolean,
): { output: string; status: number | null; has: (file: string) => boolean } {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-build-'))
  const has = (file: string): boolean => existsSync(join(folder, file))
  for (const file of ['retrace.node', 'libretrace_cuda.so', 'libretrace_cudnn.so', 'CMakeCache.txt'])
    writeFileSync(join(folder, file), 'of an earlier build')
  mkdirSync(join(folder, 'tests'))
  writeFileSync(join(folder, 'tests', 'abandoned_test'), 'of sources that are gone')
  const cmake = `#!/bin/sh
case "$*" in
  --version) exit 0 ;;
  -S*) printf '%s\\n' '-- addon: with node' ${configureLines} ; exit 0 ;;
  *'--target retrace_engine'* | *'--target retrace_cudnn'*) exit 0 ;;
  --build*) exit ${broken ? 1 : 0} ;;
esac`
  writeFileSync(join(folder, 'cmake'), cmake)
  chmodSync(join(folder, 'cmake'), 0o755)
  const env = {
    ...process.env,
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    CXX: 'true',
    RETRACE_NATIVE_DIR: folder,
  }
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'scripts/build-native.mjs')], {
    encoding: 'utf8',
    env,
  })
  return { output: stdout + stderr, status, has }
}

test('a part that is left out is listed with its reason, and nothing of an earlier build stays', () => {
  const { output, status, has } = build(`'-- CUDA device: not built (no nvcc)'`, false)
  assert.is(status, 0, output)
  assert.match(output, /^✗ CUDA device +not built \(no nvcc\)$/m)
  assert.match(output, /^✗ cuDNN plug-in /m)
  assert.not.ok(has('libretrace_cuda.so'))
  assert.not.ok(has('libretrace_cudnn.so'))
  assert.not.ok(has('tests/abandoned_test'))
})

test('a library that fails to build is removed, one that is up to date stays', () => {
  const found = `'-- CUDA device: nvcc for 90a' "-- cuDNN's attention: here"`
  const broken = build(found, true)
  assert.match(broken.output, /^✗ CUDA device +nvcc for 90a, a part failed: see .*build\.log$/m)
  assert.not.ok(broken.has('libretrace_cuda.so'))
  const whole = build(found, false)
  assert.match(whole.output, /^✓ CUDA device +nvcc for 90a$/m)
  assert.match(whole.output, /^✓ cuDNN plug-in +libretrace_cudnn\.so$/m)
  assert.ok(whole.has('libretrace_cuda.so'))
})

/** Runs the command line of an installed copy, with a stand-in for CMake that writes down what it is called with. */
function buildInstalled(
  cmake: string,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string; cache: string } {
  const cache = mkdtempSync(join(tmpdir(), 'retrace-cache-'))
  const tools = mkdtempSync(join(tmpdir(), 'retrace-tools-'))
  writeFileSync(join(tools, 'cmake'), cmake)
  chmodSync(join(tools, 'cmake'), 0o755)
  const cli = join(installed, 'dist', 'src', 'cli', 'main.js')
  const { RETRACE_NATIVE_DIR: _folder, ...clean } = process.env
  const env = { ...clean, XDG_CACHE_HOME: cache, CXX: 'true', PATH: `${tools}${delimiter}${process.env.PATH}` }
  const options = { encoding: 'utf8', env } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'build-native', ...args], options)
  return { status, stdout, stderr, cache }
}
const installed = installedCopy()

test('retrace build-native builds an installed package in the cache of the user, with what is given for CMake', () => {
  const log = join(mkdtempSync(join(tmpdir(), 'retrace-log-')), 'calls')
  const cmake = `#!/bin/sh
case "$*" in
  --version) exit 0 ;;
  -S*) echo "$*" >> ${log}; mkdir -p "$4"; : > "$4/retrace.node"; echo '-- addon: with node' ;;
esac`
  const { status, stdout, stderr, cache } = buildInstalled(cmake, '--json', '--', '-DCUDA_HOME=/opt/cuda')
  assert.is(status, 0, stderr)
  const { folder } = JSON.parse(stdout) as { folder: string }
  assert.ok(folder.startsWith(join(cache, 'retrace', 'native')), folder)
  const called = readFileSync(log, 'utf8')
  assert.ok(called.startsWith(`-S ${join(installed, 'native')} -B ${folder} `), called)
  // The sources of the tests are not in the package.
  assert.match(called, / -DWITH_TESTS=OFF -DCUDA_HOME=\/opt\/cuda$/m)
})

test('without CMake or a compiler it is one line with the next step, and wrong usage', () => {
  const { RETRACE_NATIVE_DIR: _folder, ...clean } = process.env
  const cli = join(installed, 'dist', 'src', 'cli', 'main.js')
  for (const [env, missing] of [
    [{ PATH: '/nowhere' }, 'cmake'],
    [{ CXX: '/no/such/compiler' }, 'compiler'],
  ] as const) {
    if (missing === 'compiler' && spawnSync('cmake', ['--version']).error !== undefined) continue
    const options = { encoding: 'utf8', env: { ...clean, ...env } } as const
    const { status, stderr } = spawnSync(process.execPath, [cli, 'build-native', '--quiet'], options)
    assert.is(status, 2, stderr)
    const text = new RegExp(
      `^retrace: The native engine needs CMake .* there is no ${missing}\\. Install cmake and g\\+\\+, .*\\n$`,
    )
    assert.match(stderr, text)
  }
})

test('a build that fails says what the compiler said, and that the work failed', () => {
  const cmake = `#!/bin/sh
case "$*" in
  --version) exit 0 ;;
  -S*) echo '-- addon: with node' ;;
  --build*) echo 'engine.cc:1: error: no such thing'; exit 1 ;;
esac`
  const { status, stderr } = buildInstalled(cmake, '--quiet')
  assert.is(status, 1)
  assert.match(stderr, /^retrace: The native engine did not build:\n.*engine\.cc:1: error: no such thing/)
})

test.run()
