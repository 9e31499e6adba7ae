import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { decidingConfig, retraceVersion, runConfigSchema } from '../../config.js'
import { CoreError, digestOf, readFileIfPresent, RunStore } from '../../core/index.js'
import { ablationArms, trainingEventSchema, type AblationArm, type StepEvent } from '../../records/index.js'
import { readModelInfo } from '../../model/index.js'
import { trainingConfigSchema } from '../../training/index.js'
import type { AblationChoices, AblationConfig, HeldOutName } from './options.js'
import type { Split } from './split.js'
import type { RunContext } from '../run/run-context.js'

/** `config.json` of an ablation: what decides its figures. Arms and seeds are not in it, as some may be added later. */
const ablationRecordSchema = z.strictObject({
  retraceVersion: z.string(),
  training: z.array(z.string()),
  heldOut: z.array(z.string()),
  model: z.strictObject({ name: z.string(), digest: z.string() }),
  tokens: z.int(),
  device: z.string(),
  tasks: z.boolean(),
  config: z.strictObject({ run: runConfigSchema.omit({ workers: true }), training: trainingConfigSchema }),
})
type AblationRecord = z.infer<typeof ablationRecordSchema>

export type ChainName = 'without-search' | 'with-search' | 'held-out'

/** An ablation under way: what was asked for, and its folder. */
export interface AblationWork {
  store: RunStore
  split: Split
  modelDir: string
  choices: AblationChoices
  context: RunContext
}

/** A model to train: the unit of training and evaluation. */
export interface TrainingUnit {
  arm: AblationArm
  seed: number
  /** Names its records. */
  id: string
}

/** Every arm with every seed, seed by seed: a stopped ablation then has all arms for each finished seed. */
export function trainingUnits({ arms, seeds }: Pick<AblationChoices, 'arms' | 'seeds'>): TrainingUnit[] {
  const inOrder = ablationArms.filter((arm) => arms.includes(arm))
  return Array.from({ length: seeds }, (_, seed) =>
    inOrder.map((arm) => ({ arm, seed, id: `${arm}.seed-${seed}` })),
  ).flat()
}

export function chainFolder(store: RunStore, chain: ChainName): string {
  return store.path('runs', chain)
}

export function armFolder(store: RunStore, arm: AblationArm): string {
  return store.path('arms', arm)
}

export function heldOutFolder(store: RunStore, name: HeldOutName): string {
  return store.path('held-out', name)
}

export function trainingFolder(store: RunStore, { arm, seed }: TrainingUnit): string {
  return store.path('training', arm, `seed-${seed}`)
}

export async function describeAblation(
  split: Split,
  modelDir: string,
  { config, tokens, device, tasks }: AblationChoices,
): Promise<AblationRecord> {
  const { name, digest, contextLength } = await readModelInfo(modelDir)
  const { sequenceLength } = config.run.packing
  if (sequenceLength > contextLength) {
    // The model at the start could not be measured on such rows, and the trained models could: they would not be comparable.
    const message = `run.packing.sequenceLength is ${sequenceLength}, and ${name} takes ${contextLength} tokens. Give at most that.`
    throw new CoreError('CONFIG_INVALID', message)
  }
  return {
    retraceVersion: retraceVersion(),
    ...split,
    model: { name, digest },
    tokens,
    device,
    tasks,
    config: { run: decidingConfig(config.run), training: config.training },
  }
}

/** @throws CoreError `RUN_MISMATCH` where the folder holds another ablation, or a run */
export function checkSameAblation(store: RunStore, record: AblationRecord): void {
  if (!existsSync(store.path('config.json'))) return
  const there = ablationRecordSchema.safeParse(JSON.parse(readFileSync(store.path('config.json'), 'utf8')))
  if (!there.success) {
    throw new CoreError('RUN_MISMATCH', `${store.folder} holds something else than an ablation. Give another --out.`)
  }
  const keys = Object.keys(record) as (keyof AblationRecord)[]
  const differs = keys.filter((key) => digestOf(there.data[key]) !== digestOf(record[key]))
  if (differs.length === 0) return
  throw new CoreError(
    'RUN_MISMATCH',
    `${store.folder} holds an ablation with another ${differs.join(' and another ')}. Give another --out folder, or the same arguments as before; only --arms and --seeds may change.`,
    { differs },
  )
}

/** The last step of a training and the seconds of all steps. @throws CoreError `RECORD_INVALID` where there is none */
export function stepsOf(out: string): { last: StepEvent; seconds: number } {
  const path = resolve(out, 'metrics.jsonl')
  const lines = (readFileIfPresent(path)?.toString('utf8') ?? '').split('\n').filter((line) => line !== '')
  const events = lines.map((line) => trainingEventSchema.parse(JSON.parse(line)))
  const steps = events.flatMap((event) => (event.event === 'step' ? [event] : []))
  const last = steps.at(-1)
  if (last === undefined) {
    throw new CoreError('RECORD_INVALID', `${path} has no step. Delete ${out} and run the same command again.`)
  }
  return { last, seconds: steps.reduce((sum, step) => sum + step.seconds, 0) }
}

/** The config of one training; two trainings differ in the seed alone. */
export function trainingConfigOf(
  { training }: AblationConfig,
  tokens: number,
  seed: number,
): AblationConfig['training'] {
  return { ...training, until: { tokens }, seed }
}

const timingSchema = z.strictObject({ stage: z.string(), unit: z.string(), seconds: z.number() })
export type AblationTiming = z.infer<typeof timingSchema>

/** The time of every finished unit. */
export function timingsOf(store: RunStore): AblationTiming[] {
  return store.rows('.', 'timings', timingSchema)
}

/** Does one unit's work unless its record is there, and notes how long it took. */
export async function once(
  { store, context }: AblationWork,
  stage: string,
  id: string,
  work: () => Promise<unknown>,
): Promise<void> {
  if (store.isFinished(stage, id)) return
  context.signal?.throwIfAborted()
  const start = performance.now()
  const record = await work()
  store.append('.', 'timings', { stage, unit: id, seconds: Math.round(performance.now() - start) / 1000 })
  store.write(stage, id, record)
}
