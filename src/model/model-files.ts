import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import { ModelError } from './errors.js'
import { readModelConfig, type LlamaConfig } from './model-config.js'
import { readSafetensorsHeader, type TensorDtype, type TensorEntry } from './safetensors.js'

/** Names a model and tells it from every other. */
export interface ModelFacts {
  name: string
  /** SHA-256 over config, tokenizer and weights, hex. */
  digest: string
  vocabularySize: number
  /** Most tokens that a prefix and a branch may have together. */
  contextLength: number
}

/** The config and the tensors of a model folder. Every tensor that the architecture needs is there, in its shape. */
export interface ModelFiles {
  config: LlamaConfig
  tensors: Map<string, TensorEntry>
}

/** The weights of a model that is not in shards. */
export const weightsFile = 'model.safetensors'
const shardIndexFile = 'model.safetensors.index.json'
const shardIndexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) })
const computableDtypes: readonly TensorDtype[] = ['F32', 'F16', 'BF16']

/**
 * Identifies a model without loading its weights.
 *
 * @throws ModelError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED`
 */
export async function readModelInfo(modelDir: string): Promise<ModelFacts> {
  const inShards = isInShards(modelDir)
  const weights = inShards ? [shardIndexFile, ...shardsOf(modelDir)] : [weightsFile]
  const names = ['config.json', 'tokenizer.json', ...weights]
  await checkFilesExist(modelDir, names)
  // The tensors of shards are checked by the backend that can load them.
  const config = inShards ? readModelConfig(modelDir) : readModelFiles(modelDir).config
  const digest = createHash('sha256')
  for (const name of names) digest.update(await digestOfFile(join(modelDir, name)))
  return {
    name: basename(resolve(modelDir)),
    digest: digest.digest('hex'),
    vocabularySize: config.vocabularySize,
    contextLength: config.contextLength,
  }
}

/** Reads a model whose weights are in one file. @throws ModelError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED` */
export function readModelFiles(modelDir: string): ModelFiles {
  const config = readModelConfig(modelDir)
  const path = join(modelDir, weightsFile)
  const tensors = readSafetensorsHeader(path)
  for (const [name, shape] of expectedShapes(config)) {
    const entry = tensors.get(name)
    if (entry === undefined) throw invalid(path, `it has no tensor ${name}, which config.json asks for`)
    if (entry.shape.join() !== shape.join()) {
      throw invalid(path, `tensor ${name} has the shape [${entry.shape.join(', ')}], expected [${shape.join(', ')}]`)
    }
    if (!computableDtypes.includes(entry.dtype)) {
      throw new ModelError(
        'MODEL_UNSUPPORTED',
        `${path} is not supported: tensor ${name} is ${entry.dtype}. Known: ${computableDtypes.join(', ')}.`,
        { path, name, dtype: entry.dtype },
      )
    }
  }
  return { config, tensors }
}

/** Whether the weights lie in several files, with an index. */
export function isInShards(modelDir: string): boolean {
  return !existsSync(join(modelDir, weightsFile)) && existsSync(join(modelDir, shardIndexFile))
}

/** The names of the shards that the index lists, in code-unit order. A name that leaves the folder is refused. */
function shardsOf(modelDir: string): string[] {
  const path = join(modelDir, shardIndexFile)
  let names: string[]
  try {
    const { weight_map } = shardIndexSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    names = [...new Set(Object.values(weight_map))].sort()
  } catch (cause) {
    throw new ModelError('MODEL_INVALID', `${path} is no index of shards. Fetch the model again.`, { path }, { cause })
  }
  const stray = names.find((name) => name !== basename(name) || name === '..' || name === '')
  if (stray === undefined) return names
  throw new ModelError('MODEL_INVALID', `${path} names ${JSON.stringify(stray)}, which is no file of its folder.`, {
    path,
  })
}

async function checkFilesExist(modelDir: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(modelDir, name)
    await access(path).catch((cause: unknown) => {
      const also =
        'A model folder holds config.json, tokenizer.json and the weights as model.safetensors, or its shards.'
      throw new ModelError('MODEL_MISSING_FILE', `${path} does not exist. ${also}`, { path }, { cause })
    })
  }
}

/** Digests of files by path, inode, size and times, so that several scorers of one large model read it once. */
const knownDigests = new Map<string, Promise<Buffer>>()

async function digestOfFile(path: string): Promise<Buffer> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  const key = [path, dev, ino, size, mtimeNs, ctimeNs].join(' ')
  const known = knownDigests.get(key) ?? hashFile(path)
  knownDigests.set(key, known)
  // A file that could not be read is tried again next time.
  known.catch(() => knownDigests.delete(key))
  return known
}

async function hashFile(path: string): Promise<Buffer> {
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

function invalid(path: string, why: string): ModelError {
  return new ModelError('MODEL_INVALID', `${path} does not fit its config: ${why}. Fetch the model again.`, { path })
}
