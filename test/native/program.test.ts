import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from '../suite.js'
import { nativePrograms, programFolder } from './programs.js'

// Runs the C++ test programs that its arguments name, or all of them: every program is a suite, every TAP line that it
// prints a test. `npm test` calls it once for each program.

interface TapLine {
  ok: boolean
  name: string
  /** Why it failed or was skipped. */
  reason: string
  skipped: boolean
}

/** The lines of a program, and its failure where it printed less than it planned, or crashed. */
function runProgram(name: string): TapLine[] {
  const { stdout, stderr, status, signal } = spawnSync(join(programFolder, name), {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
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

const wanted = process.argv.slice(2)
const programs = wanted.length > 0 ? wanted : nativePrograms()

for (const program of programs) {
  const test = suite(program)
  for (const { ok, name, reason, skipped } of runProgram(program)) {
    if (skipped) {
      process.stdout.write(`skipped: ${program}, ${name}: ${reason.replace(/^SKIP ?/, '')}\n`)
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
  process.stdout.write(`skipped: the C++ tests are not built (npm run build:native leaves them in ${programFolder})\n`)
  test.skip('the C++ tests', () => {})
  test.run()
}
