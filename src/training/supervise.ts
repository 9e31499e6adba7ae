import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TrainingError } from './errors.js'
import { startKeeper } from './keeper.js'
import { killGroup } from './kill-group.js'
import { folderMark, killMarked, markedProcesses, startMark } from './marked-processes.js'
import type { MetricsFollower } from './metrics-follower.js'
import type { TrainingContext } from './train.js'

export interface Launch {
  argv: readonly [string, ...string[]]
  env: Record<string, string>
  /** The training folder. */
  out: string
  /** Where the launcher's own words go. */
  log: string
}

/** How the processes ended. */
export interface LaunchEnd {
  /** `null` where a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  /** Whether it was ended at once, as asked. */
  killed: boolean
}

const pollMs = 200
/** How long ranks may go on that outlived their launcher: torchrun itself gives them as long. */
const graceMs = 30_000

/**
 * Runs the launcher of the ranks to its end and follows what they say. When this returns or throws, none of its
 * processes is left. A stop asks the ranks to save and to end; a kill ends them at once.
 */
export async function supervise(
  launch: Launch,
  follower: MetricsFollower,
  context: TrainingContext,
): Promise<LaunchEnd> {
  const mark = randomUUID()
  const child = start(launch, mark)
  // Should this process die, the ranks are asked to save and to end.
  const dismissKeeper = startKeeper(': > "$1"', join(launch.out, 'stop'))
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
    dismissKeeper()
    if (child.exitCode === null && child.signalCode === null) killGroup(child.pid)
    killMarked(mark)
  }
}

function onAbort(signal: AbortSignal | undefined, work: () => void): void {
  if (signal?.aborted === true) work()
  else signal?.addEventListener('abort', work)
}

/** In a group of its own: Ctrl-C goes to whoever holds the terminal, and it is for us to say what it means. */
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

/** Ranks whose launcher is gone notice it and save; what is left after that is ended. */
async function endRest(mark: string, patienceMs: number): Promise<void> {
  const until = performance.now() + patienceMs
  while (performance.now() < until && markedProcesses(startMark, mark).length > 0) await sleep(pollMs)
  killMarked(mark)
}
