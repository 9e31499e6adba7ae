import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { digestOf, readFileIfPresent, sha256Hex } from '../core/index.js'
import { TrainingError } from './errors.js'

/** Sizes of a decoder of the Llama family, as far as memory depends on them. */
export interface ModelShape {
  layers: number
  hiddenSize: number
  /** Width of the feed-forward layer. */
  intermediateSize: number
  heads: number
  kvHeads: number
  headSize: number
  vocabularySize: number
  tiedEmbeddings: boolean
}

const size = z
  .int()
  .positive()
  .max(2 ** 31 - 1)
const configSchema = z.looseObject({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  tie_word_embeddings: z.boolean().default(false),
})

/** @throws TrainingError `MODEL_MISSING_FILE`, `MODEL_INVALID` */
export function readModelShape(modelDir: string): ModelShape {
  const path = join(modelDir, 'config.json')
  let file: z.infer<typeof configSchema>
  try {
    file = configSchema.parse(JSON.parse(readModelFile(path).toString('utf8')))
  } catch (cause) {
    if (cause instanceof TrainingError) throw cause
    const why =
      cause instanceof z.ZodError ? `${cause.issues[0]?.path.join('.')}: ${cause.issues[0]?.message}` : 'no JSON'
    const message = `${path} does not describe a model of the Llama family: ${why}. Fetch the model again.`
    throw new TrainingError('MODEL_INVALID', message, { path }, { cause })
  }
  return {
    layers: file.num_hidden_layers,
    hiddenSize: file.hidden_size,
    intermediateSize: file.intermediate_size,
    heads: file.num_attention_heads,
    kvHeads: file.num_key_value_heads ?? file.num_attention_heads,
    headSize: file.head_dim ?? file.hidden_size / file.num_attention_heads,
    vocabularySize: file.vocab_size,
    tiedEmbeddings: file.tie_word_embeddings,
  }
}

export function blockParameters({ hiddenSize, intermediateSize, heads, kvHeads, headSize }: ModelShape): number {
  const attention = 2 * hiddenSize * (heads + kvHeads) * headSize
  const feedForward = 3 * hiddenSize * intermediateSize
  return attention + feedForward + 2 * hiddenSize
}

/** Of the embedding, and of the output layer where that is another matrix. */
export function outerParameters({ vocabularySize, hiddenSize, tiedEmbeddings }: ModelShape): number {
  return (tiedEmbeddings ? 1 : 2) * vocabularySize * hiddenSize
}

export function countParameters(shape: ModelShape): number {
  return shape.layers * blockParameters(shape) + outerParameters(shape) + shape.hiddenSize
}

export interface ModelIdentity {
  /** Of `config.json`, `tokenizer.json`, and the names and sizes of the weights: those of 16 GB are not read for this. */
  digest: string
  tokenizerDigest: string
}

/** @throws TrainingError `MODEL_MISSING_FILE` */
export function identifyModel(modelDir: string, init: 'pretrained' | 'random'): ModelIdentity {
  const config = sha256Hex(readModelFile(join(modelDir, 'config.json')))
  const tokenizerDigest = sha256Hex(readModelFile(join(modelDir, 'tokenizer.json')))
  if (init === 'random') return { digest: digestOf({ config, tokenizerDigest }), tokenizerDigest }
  const names = readdirSync(modelDir).filter((name) => name.endsWith('.safetensors'))
  if (names.length === 0) {
    const message = `${modelDir} holds no weights (*.safetensors). Fetch them, or set "init" to "random".`
    throw new TrainingError('MODEL_MISSING_FILE', message, { modelDir })
  }
  const weights = names.sort().map((name) => [name, statSync(join(modelDir, name)).size])
  return { digest: digestOf({ config, tokenizerDigest, weights }), tokenizerDigest }
}

function readModelFile(path: string): Buffer {
  const bytes = existsSync(path) && statSync(path).isDirectory() ? null : readFileIfPresent(path)
  if (bytes !== null) return bytes
  throw new TrainingError('MODEL_MISSING_FILE', `${path} does not exist. Give a model folder that holds it.`, { path })
}
