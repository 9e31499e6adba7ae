import { z } from 'zod'
import { parseRunConfig, type RunConfig } from '../../config.js'
import { CoreError, parseConfig, readConfigFile } from '../../core/index.js'
import { ablationArms, type AblationArm } from '../../records/index.js'
import { presetConfig, type TrainingConfig } from '../../training/index.js'

/**
 * The file of `--config`: keys of a run, and keys of a training. Rows are as long as the context of the small model, and
 * a file is written in pieces that fit them: longer pieces would be dropped, and bare code, which is cut at lines, would
 * keep what trajectories lose.
 */
const ablationFileSchema = z.strictObject({
  run: z
    .looseObject({
      synthesis: z.looseObject({ maxActionBytes: z.unknown().default(6000) }).prefault({}),
      packing: z.looseObject({ sequenceLength: z.unknown().default(4096) }).prefault({}),
    })
    .prefault({}),
  /** Replaces keys of the preset for the small model; weights are exported as exactly as they were trained. */
  training: z.looseObject({ exportType: z.unknown().default('float32') }).prefault({}),
})

/** What all arms share. Search, content and masks differ from arm to arm. */
export interface AblationConfig {
  run: RunConfig
  training: TrainingConfig
}

/** The config of a file over the defaults. @throws CoreError `INPUT_NOT_FOUND`, `CONFIG_INVALID` */
export function loadAblationConfig(path: string | undefined): AblationConfig {
  const source = path ?? 'The built-in config'
  const file = parseConfig(ablationFileSchema, path === undefined ? {} : readConfigFile(path), source)
  return {
    run: parseRunConfig(file.run, `${source}, run`),
    training: presetConfig('small', file.training, `${source}, training`),
  }
}

/** Which run an arm's rows come from, and how they are packed. */
interface ArmRecipe {
  run: 'without-search' | 'with-search'
  packing: (packing: RunConfig['packing']) => RunConfig['packing']
}

const asConfigured: ArmRecipe['packing'] = (packing) => packing
/** Flips one line of the masks, so that a difference comes from that line. A draft is wrong on purpose: no arm learns it. */
const unmasked: ArmRecipe['packing'] = (packing) => ({ ...packing, masks: { ...packing.masks, observation: true } })

export const armRecipes: Record<AblationArm, ArmRecipe> = {
  'raw-code': { run: 'without-search', packing: (packing) => ({ ...packing, content: 'code' }) },
  trajectories: { run: 'without-search', packing: asConfigured },
  'trajectories-unmasked': { run: 'without-search', packing: unmasked },
  search: { run: 'with-search', packing: asConfigured },
  'search-unmasked': { run: 'with-search', packing: unmasked },
}

/** Trains only what an agent does: the code, and the lines that say what it reads and writes. */
const actionsOnly = {
  ...{ requirement: false, plan: false, thought: false, observation: false, draft: false },
  ...{ action: true, template: false, actionBorder: false },
}

/** How the held-out repositories are packed, by the measure that is taken on them. */
export const heldOutPackings = {
  code: (packing: RunConfig['packing']) => ({ ...packing, content: 'code' as const, masks: actionsOnly }),
  'trajectory-code': (packing: RunConfig['packing']) => ({ ...packing, masks: actionsOnly }),
}
export type HeldOutName = keyof typeof heldOutPackings
export const heldOutNames = Object.keys(heldOutPackings) as HeldOutName[]

/** What is asked for beside the repositories. */
export interface AblationChoices {
  config: AblationConfig
  /** Tokens that each model sees. */
  tokens: number
  seeds: number
  arms: readonly AblationArm[]
  device: 'auto' | 'cpu' | 'cuda'
  /** Whether needle and completion are measured too, on tasks made from the held-out repositories. */
  tasks: boolean
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
