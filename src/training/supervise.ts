import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TrainingError } from './errors.js'
import { killGroup } from './kill-group.js'
import { folderMark, killMarked, markedProcesses, startMark } from './marked-processes.js'
import type { MetricsFollower } from './metrics-follower.js'
import type { TrainingContext } from './request.js'
import { startWatchdog } from './watchdog.js'

interface Launch {
  argv: readonly [string, ...string[]]
  env: Record<string, string>
  /** The training folder. */
  out: string
  /** File for the output of the launcher itself. */
  log: string
}

/** How the processes ended. */
export interface LaunchEnd {
  /** `null` where a signal ended the launcher. */
  code: number | null
  signal: NodeJS.Signals | null
  /** Whether it was ended at once, by `context.kill`. */
  killed: boolean
}

const pollMs = 200
/** How long ranks may go on after their launcher has ended; torchrun gives them as long. */
const graceMs = 30_000

/**
 * Runs the launcher of the ranks to its end and follows their metrics. When this returns or throws, no process is left.
 * `signal` asks the ranks to save and to end; `kill` ends them at once.
 */
export async function supervise(
  launch: Launch,
  follower: MetricsFollower,
  context: TrainingContext,
): Promise<LaunchEnd> {
  const mark = randomUUID()
  const child = start(launch, mark)
  // Should this process die, the file asks the ranks to save and to end.
  const stopWatchdog = startWatchdog(': > "$1"', join(launch.out, 'stop'))
  const ended = endOf(child)
  let killed = false
  const kill = (): void => {
    killed = true
    killGroup(child.pid)
    killMarked(mark)
  }
  const stop = (): void => {
    try {
      writeFileSync(join(launch.out, 'stop'), '')
      context.progress.note('Stopping: the step at hand is finished and saved first. Stop again to end at once.')
    } catch (error) {
      context.progress.note(`The ranks cannot be asked to save: ${(error as Error).message}. They are ended.`)
      kill()
    }
  }
  try {
    onAbort(context.signal, stop)
    onAbort(context.kill, kill)
    let end: Omit<LaunchEnd, 'killed'> | null = null
    while (end === null) {
      end = await Promise.race([ended, sleep(pollMs, null)])
      follower.poll()
    }
    await endRest(mark, killed ? 0 : graceMs)
    follower.poll()
    return { ...end, killed }
  } finally {
    context.signal?.removeEventListener('abort', stop)
    context.kill?.removeEventListener('abort', kill)
    stopWatchdog()
    if (child.exitCode === null && child.signalCode === null) killGroup(child.pid)
    killMarked(mark)
  }
}

function onAbort(signal: AbortSignal | undefined, listener: () => void): void {
  if (signal?.aborted === true) listener()
  else signal?.addEventListener('abort', listener)
}

/** Starts the launcher in a process group of its own, so that Ctrl-C reaches this process alone, which decides what to do. */
function start({ argv, env, log, out }: Launch, mark: string): ChildProcess {
  const [program, ...args] = argv
  const file = openSync(log, 'a')
  try {
    const stdio = ['ignore', file, file] as const
    return spawn(program, args, {
      detached: true,
      stdio: [...stdio],
      env: { ...process.env, ...env, [startMark]: mark, [folderMark]: realpathSync(out) },
    })
  } finally {
    closeSync(file)
  }
}

function endOf(child: ChildProcess): Promise<Omit<LaunchEnd, 'killed'>> {
  return new Promise((resolve, reject) => {
    child.on('exit', (code, signal) => resolve({ code, signal }))
    child.on('error', (cause) => {
      const message = `${child.spawnfile} cannot be started: ${cause.message}. Check --python.`
      reject(new TrainingError('PYTHON_MISSING', message, {}, { cause }))
    })
  })
}

/** Waits for ranks whose launcher has ended, which notice it and save; then ends those that are left. */
async function endRest(mark: string, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs
  while (performance.now() < deadline && markedProcesses(startMark, mark).length > 0) await sleep(pollMs)
  killMarked(mark)
}
