import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ScoringError } from './errors.js'
import { readModelConfig, type LlamaConfig } from './model-config.js'
import { readSafetensorsHeader, type TensorDtype, type TensorEntry } from './safetensors.js'
import type { ModelInfo } from './scorer.js'

/** A model folder, checked: every tensor that the architecture needs is there in its shape. */
export interface ModelFiles {
  config: LlamaConfig
  tensors: Map<string, TensorEntry>
}

const digestedFiles = ['config.json', 'tokenizer.json', 'model.safetensors']
const computableDtypes: readonly TensorDtype[] = ['F32', 'F16', 'BF16']

/**
 * What the model is, without loading its weights.
 *
 * @throws ScoringError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED`
 */
export async function readModelInfo(modelDir: string): Promise<ModelInfo> {
  await checkFilesExist(modelDir)
  const { config } = readModelFiles(modelDir)
  const digest = createHash('sha256')
  for (const name of digestedFiles) digest.update(await digestOfFile(join(modelDir, name)))
  return {
    name: basename(resolve(modelDir)),
    digest: digest.digest('hex'),
    dtype: 'float32',
    vocabularySize: config.vocabularySize,
    contextLength: config.contextLength,
  }
}

/** @throws ScoringError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED` */
export function readModelFiles(modelDir: string): ModelFiles {
  const config = readModelConfig(modelDir)
  const path = join(modelDir, 'model.safetensors')
  const tensors = readSafetensorsHeader(path)
  for (const [name, shape] of expectedShapes(config)) {
    const entry = tensors.get(name)
    if (entry === undefined) throw invalid(path, `it has no tensor ${name}, which config.json asks for`)
    if (entry.shape.join() !== shape.join()) {
      throw invalid(path, `tensor ${name} has the shape [${entry.shape.join(', ')}], expected [${shape.join(', ')}]`)
    }
    if (!computableDtypes.includes(entry.dtype)) {
      throw new ScoringError(
        'MODEL_UNSUPPORTED',
        `${path} is not supported: tensor ${name} is ${entry.dtype}. Known: ${computableDtypes.join(', ')}.`,
        { path, name, dtype: entry.dtype },
      )
    }
  }
  return { config, tensors }
}

async function checkFilesExist(modelDir: string): Promise<void> {
  for (const name of digestedFiles) {
    const path = join(modelDir, name)
    await access(path).catch((cause: unknown) => {
      const also = `A model folder holds ${digestedFiles.join(', ')}.`
      throw new ScoringError('MODEL_MISSING_FILE', `${path} does not exist. ${also}`, { path }, { cause })
    })
  }
}

async function digestOfFile(path: string): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest()
}

/** The tensors of a Llama by name, in the shapes that its config gives them. */
function expectedShapes(config: LlamaConfig): Map<string, number[]> {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize, vocabularySize } = config
  const shapes = new Map<string, number[]>([
    ['model.embed_tokens.weight', [vocabularySize, hiddenSize]],
    ['model.norm.weight', [hiddenSize]],
  ])
  if (!config.tiedEmbeddings) shapes.set('lm_head.weight', [vocabularySize, hiddenSize])
  for (let layer = 0; layer < config.layers; layer++) {
    const block = `model.layers.${layer}`
    shapes.set(`${block}.input_layernorm.weight`, [hiddenSize])
    shapes.set(`${block}.self_attn.q_proj.weight`, [heads * headSize, hiddenSize])
    shapes.set(`${block}.self_attn.k_proj.weight`, [kvHeads * headSize, hiddenSize])
    shapes.set(`${block}.self_attn.v_proj.weight`, [kvHeads * headSize, hiddenSize])
    shapes.set(`${block}.self_attn.o_proj.weight`, [hiddenSize, heads * headSize])
    shapes.set(`${block}.post_attention_layernorm.weight`, [hiddenSize])
    shapes.set(`${block}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize])
    shapes.set(`${block}.mlp.up_proj.weight`, [intermediateSize, hiddenSize])
    shapes.set(`${block}.mlp.down_proj.weight`, [hiddenSize, intermediateSize])
  }
  return shapes
}

function invalid(path: string, why: string): ScoringError {
  return new ScoringError('MODEL_INVALID', `${path} does not fit its config: ${why}. Fetch the model again.`, { path })
}
