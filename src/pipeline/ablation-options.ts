import { z } from 'zod'
import { runConfigSchema, type RunConfig } from '../config.js'
import { CoreError, parseConfig, readJsonFile } from '../core/index.js'
import { ablationArms, type AblationArm } from '../records/index.js'
import { presetConfig, trainingConfigSchema, type TrainingConfig } from '../training/index.js'

/** The file of `--config`: keys of a run, and keys of a training, each over the defaults below. */
const ablationFileSchema = z.strictObject({
  run: z.record(z.string(), z.unknown()).default({}),
  training: z.record(z.string(), z.unknown()).default({}),
})

/** What all arms share. What tells them apart (search, content, masks) is each arm's own. */
export interface AblationConfig {
  run: RunConfig
  training: TrainingConfig
}

/** Made for the small model: rows as long as its context, both formats, so that any reader finds its own. */
const runDefaults = { packing: { sequenceLength: 4096 } }
/** Over the preset for the small model: weights come out as exact as they were trained. */
const trainingDefaults = { ...presetConfig('small'), exportType: 'float32' }

/** The config of a file over the defaults. @throws CoreError `INPUT_NOT_FOUND`, `CONFIG_INVALID` */
export function loadAblationConfig(path: string | undefined): AblationConfig {
  const source = path ?? 'The built-in config'
  const file = parseConfig(ablationFileSchema, path === undefined ? {} : readJsonFile(path), source)
  const training = merge(trainingDefaults, file.training)
  return {
    run: parseConfig(runConfigSchema, merge(runDefaults, file.run), `${source}, run`),
    training: parseConfig(trainingConfigSchema, training, `${source}, training`),
  }
}

function merge(below: Record<string, unknown>, above: Record<string, unknown>): Record<string, unknown> {
  const isKeyed = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  const merged: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const before = merged[key]
    // `until` holds one of several keys, which must not add up.
    merged[key] = isKeyed(before) && isKeyed(value) && key !== 'until' ? merge(before, value) : value
  }
  return merged
}

/** Which run an arm's rows come from, and how they are packed. */
export interface ArmRecipe {
  run: 'without-search' | 'with-search'
  packing: (packing: RunConfig['packing']) => RunConfig['packing']
}

const everythingTrained = { observation: true, draft: true, template: true }
const asConfigured: ArmRecipe['packing'] = (packing) => packing
const unmasked: ArmRecipe['packing'] = (packing) => ({ ...packing, masks: { ...packing.masks, ...everythingTrained } })

export const armRecipes: Record<AblationArm, ArmRecipe> = {
  'raw-code': { run: 'without-search', packing: (packing) => ({ ...packing, content: 'code' }) },
  trajectories: { run: 'without-search', packing: asConfigured },
  'trajectories-unmasked': { run: 'without-search', packing: unmasked },
  search: { run: 'with-search', packing: asConfigured },
  'search-unmasked': { run: 'with-search', packing: unmasked },
}

/** Only what an agent does is looked at: the code, and the lines that say what it reads and writes. */
const actionAlone = {
  ...{ requirement: false, plan: false, thought: false, observation: false, draft: false },
  ...{ action: true, template: false, actionBorder: false },
}

/** What the held-out repositories are packed as, by the measure that is taken on them. */
export const heldOutPackings = {
  code: (packing: RunConfig['packing']) => ({ ...packing, content: 'code' as const, masks: actionAlone }),
  'trajectory-code': (packing: RunConfig['packing']) => ({ ...packing, masks: actionAlone }),
}
export type HeldOutName = keyof typeof heldOutPackings

/** What a person asks for beside the repositories. */
export interface AblationChoices {
  config: AblationConfig
  /** Tokens that each model sees. */
  tokens: number
  seeds: number
  arms: readonly AblationArm[]
  device: 'auto' | 'cpu' | 'cuda'
  /** A file of tasks for needle and completion, where they are to be measured too. */
  tasks: string | null
}

/** @throws CoreError `CONFIG_INVALID` for what no arm could be trained with */
export function checkChoices({ config, tokens, seeds, arms }: AblationChoices): void {
  const { packing } = config.run
  const { batchRows } = config.training
  const leastTokens = batchRows * packing.sequenceLength
  const problem =
    arms.length === 0
      ? `No arm was chosen. Choose some of: ${ablationArms.join(', ')}.`
      : seeds < 1
        ? 'An ablation needs one seed at least, and three to say how far it would move by itself.'
        : tokens < leastTokens
          ? `${tokens} tokens are less than one step of ${batchRows} rows of ${packing.sequenceLength} tokens. Give at least --tokens ${leastTokens}, or make training.batchRows or run.packing.sequenceLength smaller.`
          : packing.content !== 'trajectory'
            ? 'run.packing.content is for the arms to choose. Leave it away.'
            : config.run.search === false && arms.some((arm) => armRecipes[arm].run === 'with-search')
              ? 'run.search is false, and an arm with search was chosen. Leave the key away, or choose --arms without search.'
              : null
  if (problem !== null) throw new CoreError('CONFIG_INVALID', problem)
}
