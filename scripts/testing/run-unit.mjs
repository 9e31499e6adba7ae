// Runs one test unit, a Node program that tests with uvu, in a session of its own, and ends all its processes after it.
// Its budget is progress: a unit is ended where it neither uses CPU time nor prints for a while, and where it used far more
// CPU time than any test may. Wall time says nothing on a machine that has other work.
import { spawn } from 'node:child_process'
import { root } from '../setup.mjs'
import { canReadProcesses, commandOf, killAll, newMark, processesOf } from './processes.mjs'

const pollMs = 1000
/** How long the output of a unit may stay open after its end. */
const closeMs = 10_000
const maxOutputChars = 1 << 24
/** How long a unit may stand still; where CPU time cannot be read, only printing is progress. */
const budgetOfTests = {
  idleSeconds: Number(process.env.RETRACE_TEST_IDLE_SECONDS ?? (canReadProcesses ? 180 : 1200)),
  maxCpuSeconds: Number(process.env.RETRACE_TEST_CPU_SECONDS ?? 1800),
}
/** Less CPU time than this share of the idle time is what a timer uses that waits for something that never comes. */
const idleCpuShare = 0.005

const running = new Set()
process.on('exit', () => {
  for (const { pid, mark } of running) killAll(pid, mark)
})

/** Polls a unit's processes; calls `end` with the reason once it is out of its budget. Idle time is counted in polls. */
function watch(child, mark, { idleSeconds, maxCpuSeconds }, end) {
  const usage = { cpuSeconds: 0, printed: 0 }
  let last = { cpuSeconds: 0, printed: 0, polls: 0 }
  let polls = 0
  const timer = setInterval(() => {
    polls++
    const cpuSeconds = processesOf(child.pid, mark).reduce((sum, found) => sum + found.cpuSeconds, 0)
    usage.cpuSeconds = Math.max(usage.cpuSeconds, cpuSeconds)
    const isIdle = cpuSeconds - last.cpuSeconds < idleCpuShare * idleSeconds && usage.printed === last.printed
    // The sum falls where a process outside the session ends.
    if (isIdle) last.cpuSeconds = Math.min(last.cpuSeconds, cpuSeconds)
    else last = { cpuSeconds, printed: usage.printed, polls }
    if (usage.printed > maxOutputChars) end(`it printed more than ${maxOutputChars} characters`)
    else if (usage.cpuSeconds > maxCpuSeconds) end(`it used more than ${maxCpuSeconds} s of CPU time`)
    else if ((polls - last.polls) * pollMs >= idleSeconds * 1000) {
      end(
        `it made no progress: it ${canReadProcesses ? 'used no CPU time and ' : ''}printed nothing for ${idleSeconds} s`,
      )
    }
  }, pollMs)
  return { usage, stop: () => clearInterval(timer) }
}

/** The counts at the end of uvu's output, or null where there are none. */
function readCounts(output) {
  const count = (label) => [...output.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'gm'))].at(-1)?.[1]
  if (count('Skipped') === undefined) return null
  return { total: Number(count('Total')), passed: Number(count('Passed')), skipped: Number(count('Skipped')) }
}

/** Why a unit failed that no failed test explains; null where there is no such reason. */
function reasonToFail({ counts, code, signal, ended }) {
  if (ended !== null) return `ended by the runner: ${ended}`
  if (signal !== null) return `ended by ${signal}`
  if (counts === null) return code === 0 ? 'it ran no test' : `it ended with exit code ${code} before its tests had`
  if (counts.total + counts.skipped === 0) return 'it ran no test'
  if (counts.passed < counts.total) return null
  return code === 0 ? null : `exit code ${code}, though its tests passed`
}

/**
 * Runs a unit in a folder with this environment; one that runs no test, hangs or crashes has one failure more than its
 * failed tests. An aborted signal ends it.
 */
export function runUnit({ name, args, cwd = root, env = process.env }, { budget = budgetOfTests, signal } = {}) {
  return new Promise((resolve) => {
    const mark = newMark()
    const started = Date.now()
    const child = spawn(process.execPath, args, {
      cwd,
      detached: true,
      env: { ...env, NO_COLOR: '1', ...mark.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const unit = { pid: child.pid, mark }
    running.add(unit)
    let output = ''
    let ended = null
    const end = (reason) => {
      ended ??= reason
      killAll(child.pid, mark)
    }
    const { usage, stop } = watch(child, mark, budget, end)
    const abort = () => end('it is not needed any more')
    signal?.addEventListener('abort', abort)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        usage.printed += text.length
      })
    }
    let leftBehind = []
    let closing
    // Before `close`, which waits for every process that holds the output, also for one that could not be found.
    child.on('exit', () => {
      stop()
      closing = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream.destroy()), closeMs)
      if (ended === null) leftBehind = processesOf(child.pid, mark).map(({ pid }) => commandOf(pid))
      killAll(child.pid, mark)
      running.delete(unit)
    })
    child.on('close', (code, endSignal) => {
      clearTimeout(closing)
      signal?.removeEventListener('abort', abort)
      const counts = readCounts(output)
      const reason = reasonToFail({ counts, code, signal: endSignal, ended })
      const { total, passed, skipped } = counts ?? { total: 0, passed: 0, skipped: 0 }
      const failed = total - passed + (reason === null ? 0 : 1)
      const seconds = (Date.now() - started) / 1000
      resolve({ name, passed, failed, skipped, reason, output, leftBehind, seconds, cpuSeconds: usage.cpuSeconds })
    })
  })
}
