import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, sha256Hex } from '../core/index.js'
import { readModelFile, type ModelShape } from '../model/index.js'
import { TrainingError } from './errors.js'

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

/** @throws ModelError, TrainingError `MODEL_MISSING_FILE` */
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
