import { statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfPresent } from '../core/index.js'
import { ModelError } from './errors.js'

/** The sizes of a decoder of the Llama family: what its tensors, and the memory that it takes, depend on. */
export interface ModelShape {
  hiddenSize: number
  /** Width of the feed-forward layer. */
  intermediateSize: number
  layers: number
  heads: number
  kvHeads: number
  headSize: number
  vocabularySize: number
  tiedEmbeddings: boolean
}

/** A Llama, as far as its log-likelihoods depend on its config. */
export interface LlamaConfig extends ModelShape {
  /** In tokens. */
  contextLength: number
  normEpsilon: number
  rope: RopeConfig
}

export interface RopeConfig {
  theta: number
  /** Llama 3.1's stretching of the slow frequencies; `null` where there is none. */
  scaling: { factor: number; lowFrequencyFactor: number; highFrequencyFactor: number; originalContext: number } | null
}

const configFile = 'config.json'

/** A size past 32 bits is a mistake, and no memory could hold the tables of more layers than this. */
const size = z
  .int()
  .positive()
  .max(2 ** 31 - 1)
const maxLayers = 65_536
const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: size.optional(),
})

/** The keys of `config.json` that give the shape. */
const shapeSchema = z.looseObject({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size.max(maxLayers),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  tie_word_embeddings: z.boolean().default(false),
})
type ShapeFile = z.infer<typeof shapeSchema>

/** `config.json` as Transformers 4 and 5 spell it; keys that are not named here do not change the numbers. */
const configSchema = shapeSchema.extend({
  model_type: z.string(),
  max_position_embeddings: size,
  rms_norm_eps: z.number().positive(),
  hidden_act: z.string().default('silu'),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  quantization_config: z.unknown().optional(),
})
type ConfigFile = z.infer<typeof configSchema>

/** @throws ModelError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED` */
export function readModelConfig(modelDir: string): LlamaConfig {
  const path = join(modelDir, configFile)
  const file = parse(configSchema, path)
  refuseUnsupported(file, path)
  return {
    ...shapeOf(file),
    contextLength: file.max_position_embeddings,
    normEpsilon: file.rms_norm_eps,
    rope: readRope(file, path),
  }
}

/**
 * The shape alone, of models too that the scorers do not compute.
 *
 * @throws ModelError `MODEL_MISSING_FILE`, `MODEL_INVALID`
 */
export function readModelShape(modelDir: string): ModelShape {
  return shapeOf(parse(shapeSchema, join(modelDir, configFile)))
}

/** A file of a model folder. @throws ModelError `MODEL_MISSING_FILE` */
export function readModelFile(path: string): Buffer {
  const bytes = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? null : readFileIfPresent(path)
  if (bytes !== null) return bytes
  throw new ModelError('MODEL_MISSING_FILE', `${path} does not exist. Give a model folder that holds it.`, { path })
}

function shapeOf(file: ShapeFile): ModelShape {
  return {
    hiddenSize: file.hidden_size,
    intermediateSize: file.intermediate_size,
    layers: file.num_hidden_layers,
    heads: file.num_attention_heads,
    kvHeads: file.num_key_value_heads ?? file.num_attention_heads,
    headSize: headSizeOf(file),
    vocabularySize: file.vocab_size,
    tiedEmbeddings: file.tie_word_embeddings,
  }
}

function headSizeOf({ head_dim, hidden_size, num_attention_heads }: ShapeFile): number {
  return head_dim ?? hidden_size / num_attention_heads
}

function parse<Schema extends typeof shapeSchema>(schema: Schema, path: string): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(readModelFile(path).toString('utf8'))
  } catch (cause) {
    if (cause instanceof ModelError) throw cause
    throw invalid(path, `it is not JSON (${(cause as Error).message})`)
  }
  const result = schema.safeParse(value)
  if (!result.success) {
    const first = result.error.issues[0]
    throw invalid(path, `${first?.path.join('.') || 'the file'}: ${first?.message}`)
  }
  const { hidden_size, num_attention_heads, num_key_value_heads } = result.data
  if (num_attention_heads % (num_key_value_heads ?? num_attention_heads) !== 0) {
    throw invalid(path, `num_attention_heads (${num_attention_heads}) is no multiple of num_key_value_heads`)
  }
  if (!Number.isInteger(headSizeOf(result.data))) {
    throw invalid(path, `hidden_size (${hidden_size}) is no multiple of num_attention_heads (${num_attention_heads})`)
  }
  return result.data
}

/** Refuses, by its name, whatever would change the numbers and is not computed. */
function refuseUnsupported(file: ConfigFile, path: string): void {
  const refuse = (what: string): never => {
    throw new ModelError(
      'MODEL_UNSUPPORTED',
      `${path} is not supported: ${what}. Use a model of the Llama family (model_type "llama").`,
      { path, what },
    )
  }
  if (file.model_type !== 'llama') refuse(`model_type is ${JSON.stringify(file.model_type)}`)
  if (file.hidden_act !== 'silu') refuse(`hidden_act is ${JSON.stringify(file.hidden_act)}`)
  if (file.attention_bias) refuse('attention_bias is true')
  if (file.mlp_bias) refuse('mlp_bias is true')
  if (file.quantization_config !== undefined) refuse('it is quantized (quantization_config)')
  const headSize = headSizeOf(file)
  // A limit of ONNX Runtime's attention; every published Llama has such a size.
  if (headSize % 16 !== 0) refuse(`the head size is ${headSize}, and has to be a multiple of 16`)
}

/** Rotary parameters stand at the top level and in `rope_scaling` (Transformers 4) or in `rope_parameters` (5). */
function readRope(file: ConfigFile, path: string): RopeConfig {
  const parameters = file.rope_parameters ?? file.rope_scaling ?? {}
  const theta = parameters.rope_theta ?? file.rope_theta ?? 10_000
  const type = parameters.rope_type ?? parameters.type ?? 'default'
  if (type === 'default') return { theta, scaling: null }
  if (type !== 'llama3') {
    throw new ModelError(
      'MODEL_UNSUPPORTED',
      `${path} is not supported: its rope type is ${JSON.stringify(type)}. Known types: default, llama3.`,
      { path, type },
    )
  }
  const { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } = parameters
  if (
    factor === undefined ||
    low_freq_factor === undefined ||
    high_freq_factor === undefined ||
    original_max_position_embeddings === undefined
  ) {
    throw invalid(path, 'its llama3 rope parameters are not complete')
  }
  return {
    theta,
    scaling: {
      factor,
      lowFrequencyFactor: low_freq_factor,
      highFrequencyFactor: high_freq_factor,
      originalContext: original_max_position_embeddings,
    },
  }
}

function invalid(path: string, why: string): ModelError {
  return new ModelError('MODEL_INVALID', `${path} cannot be used: ${why}. Correct the file or fetch it again.`, {
    path,
    why,
  })
}
