import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { CoreError, RetraceError } from '../../core/index.js'
import type { AblationTraining, OfflineResults } from '../../records/index.js'
import type { OfflineRequest, PythonChoice, TrainingRequest, TrainingSummary } from '../../training/index.js'
import type { RunContext } from '../run/run-context.js'
import {
  armFolder,
  heldOutFolder,
  once,
  stepsOf,
  trainingConfigOf,
  trainingFolder,
  trainingUnits,
  type AblationWork,
  type TrainingUnit,
} from './folder.js'
import { heldOutNames } from './options.js'
import { tasksFile } from './tasks.js'

/** What trains and measures a model; a parameter of an ablation, so that tests need neither. */
export interface ModelWork {
  /** The interpreter that both need. */
  preparePython: (choice: PythonChoice, context: RunContext) => Promise<string>
  train: (request: TrainingRequest, context: RunContext) => Promise<TrainingSummary>
  evaluate: (request: OfflineRequest, context: RunContext) => Promise<OfflineResults>
}

/** Trains each arm with each seed on as many tokens, and measures each model, the one at the start among them. */
export async function trainAndEvaluate(work: AblationWork, models: ModelWork, python: string): Promise<void> {
  const { store, choices, context, modelDir } = work
  const units = trainingUnits(choices)
  await evaluateModel(work, models, python, 'base', modelDir)
  for (const [index, unit] of units.entries()) {
    const name = `${unit.arm}, seed ${unit.seed} (${index + 1} of ${units.length})`
    if (!store.isFinished('trained', unit.id)) context.progress.detail(`Training ${name}:`)
    await once(work, 'trained', unit.id, () => named(unit, () => trainUnit(work, models, python, unit)))
    // Only going on would need the checkpoints, and those of all models together would fill a disk.
    rmSync(join(trainingFolder(store, unit), 'checkpoints'), { recursive: true, force: true })
    await named(unit, () => evaluateModel(work, models, python, unit.id, join(trainingFolder(store, unit), 'model')))
  }
}

/** Adds to an error which model failed, and that the others are kept. @throws RetraceError of the same code and kind */
async function named<Result>({ arm, seed }: TrainingUnit, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RetraceError) || error.code === 'ABORTED') throw error
    const message = `${arm}, seed ${seed}: ${error.message} What was trained and measured before is kept; --arms without ${arm} ends in a report of the others.`
    throw new RetraceError(error.code, error.kind, message, { ...error.details, arm, seed }, { cause: error })
  }
}

async function trainUnit(
  { store, choices, modelDir, context }: AblationWork,
  models: ModelWork,
  python: string,
  unit: TrainingUnit,
): Promise<AblationTraining> {
  const out = trainingFolder(store, unit)
  const summary = await models.train(
    {
      shards: [armFolder(store, unit.arm)],
      out,
      modelDir,
      config: trainingConfigOf(choices.config, choices.tokens, unit.seed),
      engine: 'fsdp2',
      device: choices.device,
      launch: { processes: null, nodes: 1, rendezvous: null, jobId: null },
      python,
    },
    context,
  )
  if (summary.reason === 'stopped' || summary.model === null) throw new CoreError('ABORTED', 'Training was stopped.')
  const { last, seconds } = stepsOf(out)
  return {
    arm: unit.arm,
    seed: unit.seed,
    steps: last.step,
    tokens: last.totalTokens,
    trainedTokens: last.totalTrainedTokens,
    loss: summary.loss,
    seconds,
  }
}

async function evaluateModel(
  work: AblationWork,
  models: ModelWork,
  python: string,
  id: string,
  modelDir: string,
): Promise<void> {
  const { store, choices, context } = work
  const shards = Object.fromEntries(heldOutNames.map((name) => [name, heldOutFolder(store, name)]))
  const tasks = choices.tasks ? tasksFile(store) : null
  await once(work, 'evaluated', id, async () =>
    models.evaluate({ modelDir, shards, tasks, device: choices.device, python }, context),
  )
}
