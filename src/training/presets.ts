import { parseConfig } from '../core/index.js'
import { TrainingError } from './errors.js'
import { readModelShape, type ModelShape } from '../model/index.js'
import { trainingConfigSchema, type TrainingConfig } from './options.js'

export const presetNames = ['small', 'llama-3-8b'] as const
export type PresetName = (typeof presetNames)[number]

interface Preset {
  /** Keys that differ from the defaults. */
  keys: object
  /** What the model must be like; `null`: anything. */
  shape: Partial<ModelShape> | null
}

const presets: Record<PresetName, Preset> = {
  // The model that ships, on a CPU, in minutes.
  small: {
    keys: {
      until: { steps: 60 },
      batchRows: 2,
      optimizer: { learningRate: 3e-4 },
      // Few CPUs multiply in bfloat16 any faster, and the model is small enough to keep all of its activations.
      compute: 'float32',
      activationCheckpointing: false,
      checkpoint: { everySteps: 20 },
    },
    shape: null,
  },
  // The paper: 20 B tokens at 64k from Llama-3-8B-Instruct; what it leaves open is ProLong's (docs/training.md).
  'llama-3-8b': {
    keys: {
      ropeTheta: 8e6,
      contextLength: 65_536,
      until: { tokens: 20e9 },
      batchRows: 64,
      // With these moments rows of 64k fit one card of 139 GiB; with float32 ones they do not.
      optimizer: { learningRate: 1e-5, moments: 'bfloat16' },
      checkpoint: { everySteps: 100 },
    },
    shape: { layers: 32, hiddenSize: 4096, intermediateSize: 14_336, heads: 32, kvHeads: 8, vocabularySize: 128_256 },
  },
}

/**
 * A preset as a whole config, with the keys of `changes` in the place of its own.
 *
 * @throws CoreError `CONFIG_INVALID`
 */
export function presetConfig(name: PresetName, changes: unknown = {}, source = `The preset ${name}`): TrainingConfig {
  return parseConfig(trainingConfigSchema, merge(presets[name].keys, changes, ''), source)
}

/** Values that are one choice and not many keys: `{"epochs": 1}` takes the place of `{"steps": 60}` and does not join it. */
const wholeKeys = ['until', 'mixture']

function merge(under: unknown, over: unknown, key: string): unknown {
  if (!isKeyed(under) || !isKeyed(over) || wholeKeys.includes(key)) return over
  const merged = Object.entries(over).map(([name, value]) => [name, merge(under[name], value, name)])
  return { ...under, ...Object.fromEntries(merged) }
}

function isKeyed(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws TrainingError `CONFIG_INVALID` where a preset is for another model */
export function checkPresetModel(name: PresetName, modelDir: string): void {
  const shape = readModelShape(modelDir)
  const expected = Object.entries(presets[name].shape ?? {}) as [keyof ModelShape, number][]
  const other = expected.filter(([key, value]) => shape[key] !== value)
  if (other.length === 0) return
  const found = other.map(([key, value]) => `${key} ${String(shape[key])} (expected ${value})`).join(', ')
  const message = `The preset ${name} is for a model of another shape than ${modelDir}: ${found}. Give that model with --model, or take another preset and change its keys with --config.`
  throw new TrainingError('CONFIG_INVALID', message, { preset: name })
}
