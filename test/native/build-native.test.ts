import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'

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

test.run()
