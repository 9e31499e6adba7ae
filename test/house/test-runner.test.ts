import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { writeRepository } from '../support.js'

// What `npm test` says of files that hang, crash, run nothing or leave processes behind, with such files planted.

const test = suite('test runner')
const root = process.env.RETRACE_ROOT ?? process.cwd()
const hasProc = existsSync('/proc/self/stat')
const suiteUrl = new URL('../suite.js', import.meta.url).href
const coreUrl = new URL('../../src/core/index.js', import.meta.url).href

/** A test file: these tests, after these lines, which find `folder`, the folder of the file. */
function testFile(body: string, end = 'test.run()\n'): string {
  return [
    `import { spawn } from 'node:child_process'`,
    `import { writeFileSync } from 'node:fs'`,
    `import { suite } from '${suiteUrl}'`,
    `import { CoreError } from '${coreUrl}'`,
    `const folder = import.meta.url.replace('file://', '').replace(/[^/]+$/, '')`,
    `const test = suite('planted')`,
    body,
    end,
  ].join('\n')
}

/** Starts the runner over planted files; a file has the budget of the environment. */
function startRunner(files: Record<string, string>, environment: Record<string, string>): [ChildProcess, string] {
  const folder = writeRepository({ ...files, 'package.json': '{ "type": "module" }' })
  const child = spawn(process.execPath, [join(root, 'scripts/test.mjs')], {
    env: { ...process.env, RETRACE_TEST_FOLDER: folder, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return [child, folder]
}

async function runPlanted(
  files: Record<string, string>,
  environment: Record<string, string> = {},
): Promise<{ code: number | null; output: string; folder: string }> {
  const [child, folder] = startRunner(files, environment)
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output, folder }
}

const lastLineOf = (output: string): string | undefined => output.trimEnd().split('\n').at(-1)
/** The line of a file, and what the runner says below it. */
const reportOf = (output: string, file: string): string =>
  new RegExp(`^(?:ok|FAILED) +${file}  .*(?:\\n(?!(?:ok|FAILED) ).*)*`, 'm').exec(output)?.[0] ?? ''

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !hasProc || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Whether a process that was killed comes to its end, which may be after its output is closed. */
async function isEnded(folder: string, pidFile: string): Promise<boolean> {
  const pid = Number(readFileSync(join(folder, pidFile), 'utf8'))
  for (let poll = 0; poll < 1000 && isRunning(pid); poll++) await new Promise((resolve) => setTimeout(resolve, 20))
  return !isRunning(pid)
}

test('tests that pass are counted, and equal reasons to skip are one line with their number', async () => {
  const skips = (names: string[]): string =>
    names.map((name) => `console.log('skipped: ${name}: no such device: buy one')\ntest.skip()`).join('\n')
  const { code, output } = await runPlanted({
    'a.test.js': testFile(`test('one', () => {})\ntest('two', async () => {})\n${skips(['first', 'second'])}`),
    'room/b.test.js': testFile(`test('three', () => {})\n${skips(['third'])}`),
    'room/c.test.js': testFile(`test('four', () => {})\ntest.skip()`),
    'room/no-test.js': 'throw new Error()',
  })
  assert.is(code, 0, output)
  assert.match(output, /^ok +a\.test\.js {2}2 passed, 2 skipped$/m)
  assert.match(output, /^ok +room\/b\.test\.js {2}1 passed, 1 skipped$/m)
  assert.match(
    output,
    /^skipped: 3 cases: no such device: buy one\nskipped: 1 case: room\/c\.test\.js gives no reason$/m,
  )
  assert.match(output, /^slowest:\n( +[\d.]+ s +[\d.]+ s of CPU {2}(a|room\/b|room\/c)\.test\.js\n){3}/m)
  assert.is(lastLineOf(output), '4 passed, 0 failed')
})

test('a failed test is printed whole, also where its error has an object for details or is no error', async () => {
  const { code, output } = await runPlanted({
    'details.test.js': testFile(`
      test('before', () => {})
      test('with details', () => {
        throw new CoreError('INPUT_INVALID', 'the words of the error', { path: { of: 'the file' } }, { cause: new Error('its cause') })
      })
      test('after', () => {})
      test('no error', () => { throw 'a text' })`),
    'setup.test.js': testFile(`
      test.before(() => { throw new CoreError('INPUT_INVALID', 'the setup failed', { at: 1 }) })
      test('needs the setup', () => {})
      test('needs it too', () => {})`),
  })
  assert.is(code, 1)
  const details = reportOf(output, 'details.test.js')
  assert.match(details, /^FAILED details\.test\.js {2}2 passed$/m)
  assert.match(details, /"with details"\n +the words of the error\n/)
  assert.match(details, /code: 'INPUT_INVALID'/)
  assert.match(details, /path: \{ of: 'the file' \}/)
  assert.match(details, /cause: Error: its cause/)
  assert.match(details, /"no error"\n +what was thrown is no Error: 'a text'/)
  assert.match(reportOf(output, 'setup.test.js'), /"needs it too"\n +the setup failed\n/)
  assert.match(output, /^FAILED details\.test\.js: 2$/m)
  assert.match(output, /^FAILED setup\.test\.js: 2$/m)
  assert.is(lastLineOf(output), '2 passed, 4 failed')
})

test('a file that runs no test or ends early has failed, and it is said how', async () => {
  const { code, output } = await runPlanted({
    'empty.test.js': testFile(''),
    'never-run.test.js': testFile(`test('one', () => {})`, ''),
    'nothing.test.js': '',
    'crash.test.js': testFile(`test('one', () => {})\ntest('two', () => process.kill(process.pid, 'SIGSEGV'))`),
    'exit.test.js': testFile(`test('one', () => {})\ntest('two', () => process.exit(3))`),
    'late.test.js': testFile(`test('one', () => {})\nprocess.on('exit', () => { process.exitCode = 5 })`),
    'syntax.test.js': 'const = 1',
  })
  assert.is(code, 1)
  assert.match(reportOf(output, 'empty.test.js'), /^ +it ran no test$/m)
  assert.match(
    reportOf(output, 'never-run.test.js'),
    /^The suite "planted" is never run: its file must call run\(\)\.$/m,
  )
  assert.match(reportOf(output, 'nothing.test.js'), /^ +it ran no test$/m)
  assert.match(reportOf(output, 'crash.test.js'), /^ +ended by SIGSEGV$/m)
  assert.match(reportOf(output, 'exit.test.js'), /^ +it ended with exit code 3 before its tests had$/m)
  assert.match(reportOf(output, 'late.test.js'), /^ +exit code 5, though its tests passed$/m)
  assert.match(reportOf(output, 'syntax.test.js'), /SyntaxError/)
  assert.is(lastLineOf(output), '1 passed, 7 failed')
})

test('a file that neither computes nor prints is ended, and so is one that does either without end', async () => {
  const { code, output } = await runPlanted(
    {
      'hangs.test.js': testFile(`test('one', () => new Promise(() => setInterval(() => {}, 60_000)))`),
      'turns.test.js': testFile(`test('one', () => { for (;;); })`),
      'prints.test.js': testFile(`
        const print = () => process.stdout.write('x'.repeat(1 << 20) + '\\n', print)
        test('one', () => new Promise(print))`),
      'passes.test.js': testFile(`test('one', () => {})`),
    },
    { RETRACE_TEST_IDLE_SECONDS: '6', RETRACE_TEST_CPU_SECONDS: '4' },
  )
  assert.is(code, 1)
  assert.match(
    reportOf(output, 'hangs.test.js'),
    /ended by the runner: it made no progress: it .*printed nothing for 6 s$/m,
  )
  if (hasProc)
    assert.match(reportOf(output, 'turns.test.js'), /ended by the runner: it used more than 4 s of CPU time$/m)
  assert.match(reportOf(output, 'prints.test.js'), /ended by the runner: it printed more than 16777216 characters$/m)
  assert.match(reportOf(output, 'prints.test.js'), /^\.\.\. \d+ characters left out \.\.\.$/m)
  assert.match(output, /^ok +passes\.test\.js {2}1 passed$/m)
  assert.is(lastLineOf(output), '1 passed, 3 failed')
})

/** A test that leaves a process behind, which holds the output open, and its id in a file. */
const leaveBehind = (detached: boolean): string => `
  test('one', () => {
    const options = { detached: ${detached}, stdio: ['ignore', 'inherit', 'inherit'] }
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'], options)
    child.unref()
    writeFileSync(folder + '${detached ? 'detached' : 'attached'}.pid', String(child.pid))
  })`

test('processes that a file leaves behind are ended with it, those in a session of their own too', async () => {
  const { code, output, folder } = await runPlanted({
    'attached.test.js': testFile(leaveBehind(false)),
    'detached.test.js': testFile(leaveBehind(true)),
  })
  assert.is(code, 0, output)
  for (const name of hasProc ? ['attached', 'detached'] : ['attached']) {
    assert.ok(await isEnded(folder, `${name}.pid`), name)
    assert.match(reportOf(output, `${name}.test.js`), /it left a process behind, which was ended: .*setInterval/)
  }
  assert.is(lastLineOf(output), '2 passed, 0 failed')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends the runner and every process of its files`, async () => {
    const waiting = `\ntest('two', () => new Promise(() => setInterval(() => {}, 60_000)))`
    const [runner, folder] = startRunner({ 'waits.test.js': testFile(leaveBehind(false) + waiting) }, {})
    const ended = once(runner, 'close') as Promise<[number | null]>
    // The file is written before the tests go on; reading it in full needs all its digits.
    while (!readdirSync(folder).includes('attached.pid') || readFileSync(join(folder, 'attached.pid'), 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 20))
    runner.kill(signal)
    const [code] = await ended
    assert.is(code, signal === 'SIGINT' ? 130 : 143)
    assert.ok(await isEnded(folder, 'attached.pid'))
  })
}

test.run()
