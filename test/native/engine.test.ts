import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import { nativeFolder } from '../../src/scoring/backends/native/native-folders.js'

// Runs the C++ tests of the native engine: every program is a suite, every TAP line that it prints a test.
const folder = join(nativeFolder(), 'tests')
const programs = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => /_test$/.test(name))
      .sort()
  : []

interface TapLine {
  ok: boolean
  name: string
  /** Why it failed or was skipped. */
  reason: string
  skipped: boolean
}

/** The lines of a program, and its failure where it printed less than it planned, or crashed. */
function runProgram(name: string): TapLine[] {
  const { stdout, stderr, status, signal } = spawnSync(join(folder, name), { encoding: 'utf8', timeout: 300_000 })
  const lines = [...stdout.matchAll(/^(not ok|ok) \d+ - (.*)$/gm)].map(([, verdict, rest]) => {
    const [text, reason = ''] = rest!.split(' # ')
    return { ok: verdict === 'ok', name: text!, reason, skipped: reason.startsWith('SKIP') }
  })
  const planned = Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1] ?? -1)
  const whole = lines.length > 0 && planned === lines.length && signal === null
  if (whole && (status === 0) === lines.every(({ ok }) => ok)) return lines
  const reason = `it ended with ${signal ?? `exit code ${status}`} after ${lines.length} of ${planned} tests: ${stderr}`
  return [...lines, { ok: false, name: 'the program ends as it should', reason, skipped: false }]
}

for (const program of programs) {
  const test = suite(program)
  for (const { ok, name, reason, skipped } of runProgram(program)) {
    if (skipped) {
      process.stdout.write(`skipped: ${program}: ${name}: ${reason.replace(/^SKIP ?/, '')}\n`)
      test.skip(name, () => {})
    } else {
      test(name, () => {
        if (!ok) throw new Error(reason)
      })
    }
  }
  test.run()
}

if (programs.length === 0) {
  const test = suite('native engine')
  process.stdout.write(`skipped: the C++ tests are not built (npm run build:native leaves them in ${folder})\n`)
  test.skip('the C++ tests', () => {})
  test.run()
}
