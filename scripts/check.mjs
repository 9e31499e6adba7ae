// What must hold before a commit: types, lint, format, nothing that nobody uses, and all default tests; `--no-tests` leaves
// the tests out. Every step runs, also after one that failed.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './setup.mjs'

const bin = (path) => join('node_modules', path)
const steps = [
  { name: 'types', args: ['scripts/setup.mjs'] },
  { name: 'eslint', args: [bin('eslint/bin/eslint.js'), '.'] },
  { name: 'prettier', args: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
  { name: 'knip', args: [bin('knip/bin/knip.js'), '--no-progress'] },
  { name: 'python', args: ['scripts/check-python.mjs'] },
  { name: 'clang-format', args: ['scripts/check-native.mjs'] },
  { name: 'tests', args: ['scripts/test.mjs'], isLong: true },
]

/** Runs a step and prints its line: all its output where it failed, else what it left out. */
function passes({ name, args, isLong = false }) {
  const stdio = isLong ? 'inherit' : 'pipe'
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio, maxBuffer: 1 << 28 })
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd()
  console.log(`${result.status === 0 ? '✓' : '✗'} ${name}`)
  const shown = result.status === 0 ? output.split('\n').filter((line) => line.startsWith('skipped: ')) : [output]
  if (shown.join('') !== '') console.log(shown.join('\n'))
  return result.status === 0
}

const chosen = steps.filter(({ name }) => !(name === 'tests' && process.argv.includes('--no-tests')))
const failed = chosen.filter((step) => !passes(step))
if (failed.length > 0) {
  console.log(`failed: ${failed.map(({ name }) => name).join(', ')}`)
  process.exitCode = 1
}
