import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfPresent } from '../core/index.js'
import { ScoringError } from './errors.js'

/** The shape of a Llama, as far as its log-likelihoods depend on it. */
export interface LlamaConfig {
  hiddenSize: number
  /** Width of the feed-forward layer. */
  intermediateSize: number
  layers: number
  heads: number
  kvHeads: number
  headSize: number
  vocabularySize: number
  /** In tokens. */
  contextLength: number
  normEpsilon: number
  rope: RopeConfig
  tiedEmbeddings: boolean
}

export interface RopeConfig {
  theta: number
  /** Llama 3.1's stretching of the slow frequencies; `null` where there is none. */
  scaling: { factor: number; lowFrequencyFactor: number; highFrequencyFactor: number; originalContext: number } | null
}

/** Sizes past 32 bits are lies, and more layers than this make tables that nothing could hold. */
const size = z
  .int()
  .positive()
  .max(2 ** 31 - 1)
const mostLayers = 65_536
const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: size.optional(),
})

/** `config.json` in the spelling of Transformers 4 and 5; what is not named here does not change the numbers. */
const configSchema = z.looseObject({
  model_type: z.string(),
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size.max(mostLayers),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  max_position_embeddings: size,
  rms_norm_eps: z.number().positive(),
  hidden_act: z.string().default('silu'),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  quantization_config: z.unknown().optional(),
})
type ConfigFile = z.infer<typeof configSchema>

/** @throws ScoringError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED` */
export function readModelConfig(modelDir: string): LlamaConfig {
  const path = join(modelDir, 'config.json')
  const bytes = readFileIfPresent(path)
  if (bytes === null) {
    throw new ScoringError('MODEL_MISSING_FILE', `${path} does not exist. Give a model folder that holds it.`, { path })
  }
  const file = parse(bytes.toString('utf8'), path)
  refuseUnsupported(file, path)

  const kvHeads = file.num_key_value_heads ?? file.num_attention_heads
  return {
    hiddenSize: file.hidden_size,
    intermediateSize: file.intermediate_size,
    layers: file.num_hidden_layers,
    heads: file.num_attention_heads,
    kvHeads,
    headSize: file.head_dim ?? file.hidden_size / file.num_attention_heads,
    vocabularySize: file.vocab_size,
    contextLength: file.max_position_embeddings,
    normEpsilon: file.rms_norm_eps,
    rope: readRope(file, path),
    tiedEmbeddings: file.tie_word_embeddings,
  }
}

function parse(text: string, path: string): ConfigFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(path, `it is not JSON (${(cause as Error).message})`)
  }
  const result = configSchema.safeParse(value)
  if (!result.success) {
    const first = result.error.issues[0]
    throw invalid(path, `${first?.path.join('.') || 'the file'}: ${first?.message}`)
  }
  const { hidden_size, num_attention_heads, num_key_value_heads, head_dim } = result.data
  if (num_attention_heads % (num_key_value_heads ?? num_attention_heads) !== 0) {
    throw invalid(path, `num_attention_heads (${num_attention_heads}) is no multiple of num_key_value_heads`)
  }
  if (!Number.isInteger(head_dim ?? hidden_size / num_attention_heads)) {
    throw invalid(path, `hidden_size (${hidden_size}) is no multiple of num_attention_heads (${num_attention_heads})`)
  }
  return result.data
}

/** Whatever would change the numbers and is not computed here is refused by its name. */
function refuseUnsupported(file: ConfigFile, path: string): void {
  const refuse = (what: string): never => {
    throw new ScoringError(
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
  const headSize = file.head_dim ?? file.hidden_size / file.num_attention_heads
  // A limit of ONNX Runtime's attention; every published Llama keeps to it.
  if (headSize % 16 !== 0) refuse(`the head size is ${headSize}, and has to be a multiple of 16`)
}

/** Rotary parameters stand at the top level and in `rope_scaling` (Transformers 4) or in `rope_parameters` (5). */
function readRope(file: ConfigFile, path: string): RopeConfig {
  const parameters = file.rope_parameters ?? file.rope_scaling ?? {}
  const theta = parameters.rope_theta ?? file.rope_theta ?? 10_000
  const type = parameters.rope_type ?? parameters.type ?? 'default'
  if (type === 'default') return { theta, scaling: null }
  if (type !== 'llama3') {
    throw new ScoringError(
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

function invalid(path: string, why: string): ScoringError {
  return new ScoringError('MODEL_INVALID', `${path} cannot be used: ${why}. Correct the file or fetch it again.`, {
    path,
    why,
  })
}
