import { RunStore, writeFileAtomic } from '../../core/index.js'
import type { Ablation } from '../../records/index.js'
import { buildAblationReport } from '../../report/index.js'
import { evaluateOffline, preparePython, train, type PythonChoice } from '../../training/index.js'
import {
  checkSameAblation,
  describeAblation,
  timingsOf,
  trainingUnits,
  type AblationTiming,
  type AblationWork,
} from './folder.js'
import { checkChoices, type AblationChoices } from './options.js'
import { runChains } from './chains.js'
import { gatherAblation } from './gather.js'
import { packArms } from './pack-arms.js'
import type { Split } from './split.js'
import { trainAndEvaluate, type ModelWork } from './train-arms.js'
import type { RunContext } from '../run/run-context.js'

export interface AblationRequest {
  split: Split
  folder: string
  modelDir: string
  choices: AblationChoices
  /** Where PyTorch is. */
  python: PythonChoice
}

/**
 * Trains one model on equal tokens of bare code and of trajectories, with and without search and mask, and measures each
 * on repositories that none was trained on. Top to bottom; each finished unit leaves a record in the folder and is not
 * done again, so the same call after a stop goes on and ends in the same figures.
 *
 * @throws RetraceError with a code where nothing can be made of the input, or the folder belongs to something else
 */
export async function ablate(
  { split, folder, modelDir, choices, python }: AblationRequest,
  context: RunContext,
  models: ModelWork = { preparePython, train, evaluate: evaluateOffline },
): Promise<{ ablation: Ablation; folder: string; report: string }> {
  checkChoices(choices)
  const record = await describeAblation(split, modelDir, choices)
  const store = new RunStore(folder)
  checkSameAblation(store, record)
  const unlock = store.lock()
  try {
    checkSameAblation(store, record)
    writeFileAtomic(store.path('config.json'), `${JSON.stringify(record, null, 2)}\n`)
    const work: AblationWork = { store, split, modelDir, choices, context }
    // First, since the chain takes long, and without PyTorch it would be in vain.
    const isMeasured = trainingUnits(choices).every(({ id }) => store.isFinished('evaluated', id))
    const interpreter = isMeasured ? '' : await models.preparePython(python, context)
    // 1. Repositories become trajectories, without search and with it; those held out without.
    await runChains(work)
    // 2. Each arm is packed, and the held-out repositories as what is measured.
    await packArms(work)
    // 3. Each arm is trained with each seed, and measured.
    await trainAndEvaluate(work, models, interpreter)
    // 4. The figures and the page follow from the records.
    const ablation = await gatherAblation(work)
    for (const { name, source } of ablation.repositories.knownToModel) {
      context.progress.note(`${name} is held out, and the model lists ${source} among what it was trained on before.`)
    }
    store.write('.', 'ablation', ablation)
    writeFileAtomic(store.path('ablation.html'), buildAblationReport(ablation))
    return { ablation, folder, report: store.path('ablation.html') }
  } finally {
    unlock()
  }
}

/** What an ablation is going to do, and how much of it is done. */
export interface AblationPlan {
  split: Split
  arms: string[]
  seeds: number
  models: number
  tokensEach: number
  tokensInAll: number
  done: { trained: number; evaluated: number }
  /** Seconds that were measured in this folder, by stage; nothing is estimated for the rest. */
  measured: { stage: string; units: number; seconds: number }[]
}

/** Plans an ablation and changes nothing. @throws CoreError as `ablate` does before it begins */
export async function planAblation({ split, folder, modelDir, choices }: AblationRequest): Promise<AblationPlan> {
  checkChoices(choices)
  const store = new RunStore(folder)
  checkSameAblation(store, await describeAblation(split, modelDir, choices))
  const units = trainingUnits(choices)
  const count = (stage: string): number => units.filter(({ id }) => store.isFinished(stage, id)).length
  return {
    split,
    arms: [...choices.arms],
    seeds: choices.seeds,
    models: units.length,
    tokensEach: choices.tokens,
    tokensInAll: units.length * choices.tokens,
    done: { trained: count('trained'), evaluated: count('evaluated') },
    measured: sumTimings(timingsOf(store)),
  }
}

function sumTimings(timings: readonly AblationTiming[]): AblationPlan['measured'] {
  return [...new Set(timings.map(({ stage }) => stage))].map((stage) => {
    const rows = timings.filter((timing) => timing.stage === stage)
    return { stage, units: rows.length, seconds: rows.reduce((sum, { seconds }) => sum + seconds, 0) }
  })
}
