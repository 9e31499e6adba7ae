import { existsSync, statfsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isErrorCode, readFileIfPresent, RetraceError, type Progress } from '../core/index.js'
import { trainingFailureSchema } from '../records/index.js'
import { followProgress } from './training-progress.js'
import { TrainingError, trainingErrors } from './errors.js'
import { inspectRequest } from './inspect-request.js'
import { formatGib } from './memory.js'
import { MetricsFollower, type Followed } from './metrics-follower.js'
import type { TrainingConfig } from './options.js'
import { planTraining } from './plan-training.js'
import { checkModules, probePython } from './probe.js'
import { describeExit, findDeadRank, lastLines, rankLog, readTail } from './rank-report.js'
import { supervise, type LaunchEnd } from './supervise.js'
import { launchEnv, torchrunArguments } from './torchrun.js'
import { lastCheckpoint, newLogFolder, openTrainingFolder } from './training-folder.js'

/** How many processes train together, and where those of other machines meet. */
export interface LaunchOptions {
  /** On this machine; `null`: one per GPU, on a CPU as many as there are cores up to 2 that divide `batchRows`. */
  processes: number | null
  nodes: number
  /** `HOST:PORT` where the machines meet; `null` where there is one machine alone. */
  rendezvous: string | null
  /** The same on all machines of one training. */
  jobId: string | null
}

export interface TrainingRequest {
  /** Folders with a `manifest.json` each. */
  shards: readonly string[]
  out: string
  modelDir: string
  config: TrainingConfig
  engine: 'fsdp2' | 'trl'
  device: 'auto' | 'cpu' | 'cuda'
  launch: LaunchOptions
  /** The interpreter, as `preparePython` gives it. */
  python: string
}

export interface TrainingContext {
  progress: Progress
  /** Asks the loop to finish its step, to save and to end. */
  signal?: AbortSignal | undefined
  /** Ends every process at once; what was saved last stays. */
  kill?: AbortSignal | undefined
}

export interface TrainingSummary {
  out: string
  /** The exported model's folder where training is done. */
  model: string | null
  reason: 'done' | 'stopped'
  step: number
  totalSteps: number
  /** Nats per trained token of the last step; `null` where no step was made, ever. */
  loss: number | null
  /** Over all starts. */
  tokens: number
  nothingToDo: boolean
}

/**
 * Trains to the end, or until it is asked to stop; the same request again goes on from the last checkpoint. No process
 * is left when this is over, however it ends.
 *
 * @throws TrainingError; CoreError `RUN_BUSY`, `RUN_MISMATCH`, `OUT_NOT_A_RUN`
 */
export async function train(request: TrainingRequest, context: TrainingContext): Promise<TrainingSummary> {
  const out = resolve(request.out)
  const inspection = inspectRequest(request)
  const machine = await probePython(request.python, context.signal)
  checkModules(request.python, machine, request.engine === 'trl' ? 'trl' : undefined)
  const plan = planTraining({ request, ...inspection, machine })
  for (const note of plan.notes) context.progress.note(note)

  const unlock = await openTrainingFolder(inspection.record, plan.job, plan.nodes, context)
  try {
    const logs = newLogFolder(out, plan.nodes)
    const argv = [request.python, ...torchrunArguments(plan, request.launch, logs)] as const
    const launch = { argv, env: launchEnv(plan), out, log: join(logs, 'torchrun.log') }
    const shown = followProgress(context.progress)
    const follower = new MetricsFollower(join(out, 'metrics.jsonl'), shown.take)
    try {
      const end = await supervise(launch, follower, context)
      const { badLines } = follower.followed
      if (badLines > 0) context.progress.note(`${badLines} lines of metrics.jsonl could not be read.`)
      return summarize(out, logs, end, follower.followed)
    } finally {
      shown.finish()
    }
  } finally {
    unlock()
  }
}

function summarize(out: string, logs: string, end: LaunchEnd, followed: Followed): TrainingSummary {
  if (end.killed) throw new TrainingError('ABORTED', `Ended at once. ${nextStep(out)}`)
  const { start, end: last, lastStep } = followed
  const failure = readFailure(out, logs)
  if (failure !== null) throw failure
  if (end.code !== 0 || start === null || last === null) throw deadRank(out, logs, end)
  return {
    out,
    model: last.model,
    reason: last.reason,
    step: last.step,
    totalSteps: start.totalSteps,
    loss: lastStep?.loss ?? null,
    tokens: lastStep?.totalTokens ?? 0,
    nothingToDo: last.reason === 'done' && start.step === last.step,
  }
}

/** Codes under which the loop says itself where it goes on. */
const saysNextStep: readonly string[] = ['NON_FINITE', 'OUT_OF_MEMORY', 'RANK_LOST', 'UNEXPECTED']

function readFailure(out: string, logs: string): RetraceError | null {
  const bytes = readFileIfPresent(join(out, 'failure.json'))
  if (bytes === null) return null
  const failure = parseFailure(bytes.toString('utf8'))
  const details = { ...failure?.details, logs }
  if (failure === null) {
    const message = `The training failed, and what it says of it cannot be read. See ${logs}. ${nextStep(out)}`
    return new TrainingError('UNEXPECTED', message, details)
  }
  // The rank that lives saw the fault of another, which torchrun knows by name.
  const dead = failure.code === 'RANK_LOST' ? findDeadRank(readTail(join(logs, 'torchrun.log'))) : null
  if (dead !== null && dead.exitCode < 0) return rankError(out, logs, dead)
  const message = saysNextStep.includes(failure.code) ? failure.message : `${failure.message} ${nextStep(out)}`
  return isErrorCode(trainingErrors, failure.code)
    ? new TrainingError(failure.code, message, details)
    : new RetraceError(failure.code, 'run', message, details)
}

function parseFailure(text: string): { code: string; message: string; details: Record<string, unknown> } | null {
  try {
    return trainingFailureSchema.parse(JSON.parse(text))
  } catch {
    return null
  }
}

function deadRank(out: string, logs: string, end: LaunchEnd): TrainingError {
  const log = join(logs, 'torchrun.log')
  const said = readTail(log)
  const dead = findDeadRank(said)
  if (dead !== null) return rankError(out, logs, dead)
  const how = end.code === 0 ? 'ended without a word of how far it came' : `ended with ${end.code ?? end.signal}`
  const message = `The training ${how}. ${nextStep(out)} The end of ${log}:\n${lastLines(said)}`
  return new TrainingError('RANK_DIED', message, { log })
}

function rankError(out: string, logs: string, { rank, exitCode }: { rank: number; exitCode: number }): TrainingError {
  const log = rankLog(logs, rank) ?? join(logs, 'torchrun.log')
  const words = lastLines(readTail(log))
  const tail = words === '' ? '' : ` The end of ${log}:\n${words}`
  const message = `Rank ${rank} ${describeExit(exitCode)}. ${nextStep(out)}${tail}`
  return new TrainingError('RANK_DIED', message, { rank, exitCode, log })
}

function nextStep(out: string): string {
  const step = lastCheckpoint(out)
  if (step === null) return `${lackOfRoom(out)}No checkpoint was saved yet: the same command starts over.`
  return `${lackOfRoom(out)}The last whole checkpoint is step ${step}: run the same command again to go on from there.`
}

const leastFreeBytes = 64 * 2 ** 20

/** On a full disk the ranks cannot even write why they ended. */
function lackOfRoom(out: string): string {
  if (!existsSync(out)) return ''
  const { bavail, bsize } = statfsSync(out)
  if (bavail * bsize >= leastFreeBytes) return ''
  return `The disk is full (${formatGib(bavail * bsize)} are free in ${out}): make room first. `
}
