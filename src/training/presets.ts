import { parseConfig } from '../core/index.js'
import { TrainingError } from './errors.js'
import { readModelShape, type ModelShape } from '../model/index.js'
import { trainingConfigSchema, type TrainingConfig } from './options.js'

interface Preset {
  /** Keys that differ from the defaults. */
  keys: object
  /** The shape that the model must have; `null`: any. */
  shape: Partial<ModelShape> | null
}

const presets = {
  // For the model that ships: minutes on a CPU.
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
  // The paper: 20 B tokens at 64k from Llama-3-8B-Instruct. Settings that it does not give are ProLong's (docs/training.md).
  'llama-3-8b': {
    keys: {
      ropeTheta: 8e6,
      contextLength: 65_536,
      until: { tokens: 20e9 },
      batchRows: 64,
      // With bfloat16 moments rows of 64k fit into a GPU of 139 GiB, with float32 moments they do not.
      optimizer: { learningRate: 1e-5, moments: 'bfloat16' },
      checkpoint: { everySteps: 100 },
    },
    shape: { layers: 32, hiddenSize: 4096, intermediateSize: 14_336, heads: 32, kvHeads: 8, vocabularySize: 128_256 },
  },
} satisfies Record<string, Preset>
export type PresetName = keyof typeof presets
export const presetNames = Object.keys(presets) as PresetName[]

/**
 * A preset as a complete config, its keys replaced by those of `changes`.
 *
 * @throws CoreError `CONFIG_INVALID`
 */
export function presetConfig(name: PresetName, changes: unknown = {}, source = `The preset ${name}`): TrainingConfig {
  return parseConfig(trainingConfigSchema, merge(presets[name].keys, changes, ''), source)
}

/** Keys whose value is replaced and not merged: `{"epochs": 1}` takes the place of `{"steps": 60}`. */
const replacedKeys = ['until', 'mixture']

function merge(base: unknown, change: unknown, key: string): unknown {
  if (!isKeyed(base) || !isKeyed(change) || replacedKeys.includes(key)) return change
  const merged = Object.entries(change).map(([name, value]) => [name, merge(base[name], value, name)])
  return { ...base, ...Object.fromEntries(merged) }
}

function isKeyed(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws TrainingError `CONFIG_INVALID` where a preset is for a model of another shape */
export function checkPresetModel(name: PresetName, modelDir: string): void {
  const shape = readModelShape(modelDir)
  const expected = Object.entries(presets[name].shape ?? {}) as [keyof ModelShape, number][]
  const other = expected.filter(([key, value]) => shape[key] !== value)
  if (other.length === 0) return
  const found = other.map(([key, value]) => `${key} ${String(shape[key])} (expected ${value})`).join(', ')
  const message = `The preset ${name} is for a model of another shape than ${modelDir}: ${found}. Give that model with --model, or take another preset and change its keys with --config.`
  throw new TrainingError('CONFIG_INVALID', message, { preset: name })
}
