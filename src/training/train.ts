import { existsSync, statfsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isErrorCode, readFileIfPresent, RetraceError } from '../core/index.js'
import { trainingFailureSchema } from '../records/index.js'
import { TrainingError, trainingErrors } from './errors.js'
import { inspectRequest } from './inspect-request.js'
import { formatGib } from './memory.js'
import { MetricsFollower, type FollowedMetrics } from './metrics-follower.js'
import { planTraining } from './plan-training.js'
import { checkModules, probePython } from './probe.js'
import { describeExit, findDeadRank, lastLines, rankLog, readTail, type DeadRank } from './rank-report.js'
import type { TrainingContext, TrainingRequest, TrainingSummary } from './request.js'
import { supervise, type LaunchEnd } from './supervise.js'
import { launchEnv, torchrunArguments } from './torchrun.js'
import { lastCheckpoint, newLogFolder, openTrainingFolder } from './training-folder.js'
import { showProgress } from './training-progress.js'

/**
 * Trains to the end, or until it is asked to stop; the same request again goes on from the last checkpoint. However
 * this ends, it leaves no process behind.
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
    const display = showProgress(context.progress)
    const follower = new MetricsFollower(join(out, 'metrics.jsonl'), display.show)
    try {
      const end = await supervise(launch, follower, context)
      const { badLines } = follower.metrics
      if (badLines > 0) context.progress.note(unreadableLines(badLines))
      return summarize(out, logs, end, follower.metrics)
    } finally {
      display.finish()
    }
  } finally {
    unlock()
  }
}

function unreadableLines(count: number): string {
  return `${count} ${count === 1 ? 'line' : 'lines'} of metrics.jsonl could not be read.`
}

function summarize(out: string, logs: string, end: LaunchEnd, metrics: FollowedMetrics): TrainingSummary {
  if (end.killed) throw new TrainingError('ABORTED', `Ended at once. ${nextStep(out)}`)
  const { start, end: last, lastStep } = metrics
  const failure = readFailure(out, logs)
  if (failure !== null) throw failure
  if (end.code !== 0 || start === null || last === null) throw unexplainedEnd(out, logs, end)
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

/** Codes whose messages, written by the loop, already say where training goes on. */
const codesWithNextStep: readonly string[] = ['NON_FINITE', 'OUT_OF_MEMORY', 'RANK_LOST', 'UNEXPECTED']

function readFailure(out: string, logs: string): RetraceError | null {
  const bytes = readFileIfPresent(join(out, 'failure.json'))
  if (bytes === null) return null
  const failure = parseFailure(bytes.toString('utf8'))
  const details = { ...failure?.details, logs }
  if (failure === null) {
    const message = `The training failed, and what it says of it cannot be read. See ${logs}. ${nextStep(out)}`
    return new TrainingError('UNEXPECTED', message, details)
  }
  // A rank that still lived reports that another was lost; torchrun's log says which.
  const dead = failure.code === 'RANK_LOST' ? findDeadRank(readTail(join(logs, 'torchrun.log'))) : null
  if (dead !== null && dead.exitCode < 0) return rankDied(out, logs, dead)
  const message = codesWithNextStep.includes(failure.code) ? failure.message : `${failure.message} ${nextStep(out)}`
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

/** The error for processes that ended and left no failure.json. */
function unexplainedEnd(out: string, logs: string, end: LaunchEnd): TrainingError {
  const log = join(logs, 'torchrun.log')
  const text = readTail(log)
  const dead = findDeadRank(text)
  if (dead !== null) return rankDied(out, logs, dead)
  const how = end.code === 0 ? 'ended without a word of how far it came' : `ended with ${end.code ?? end.signal}`
  const message = `The training ${how}. ${nextStep(out)} The end of ${log}:\n${lastLines(text)}`
  return new TrainingError('RANK_DIED', message, { log })
}

function rankDied(out: string, logs: string, { rank, exitCode }: DeadRank): TrainingError {
  const log = rankLog(logs, rank) ?? join(logs, 'torchrun.log')
  const lines = lastLines(readTail(log))
  const tail = lines === '' ? '' : ` The end of ${log}:\n${lines}`
  const message = `Rank ${rank} ${describeExit(exitCode)}. ${nextStep(out)}${tail}`
  return new TrainingError('RANK_DIED', message, { rank, exitCode, log })
}

function nextStep(out: string): string {
  const step = lastCheckpoint(out)
  if (step === null) return `${fullDiskNote(out)}No checkpoint was saved yet: the same command starts over.`
  return `${fullDiskNote(out)}The last whole checkpoint is step ${step}: run the same command again to go on from there.`
}

const leastFreeBytes = 64 * 2 ** 20

/** On a full disk the ranks cannot even write why they ended. */
function fullDiskNote(out: string): string {
  if (!existsSync(out)) return ''
  const { bavail, bsize } = statfsSync(out)
  if (bavail * bsize >= leastFreeBytes) return ''
  return `The disk is full (${formatGib(bavail * bsize)} are free in ${out}): make room first. `
}
