import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { CoreError, readFileIfPresent } from '../../core/index.js'
import { readModelInfo } from '../../scoring/index.js'
import { loadTokenizer, type Tokenizer } from '../../tokenizer/index.js'

/** A checkpoint to measure. */
export interface ModelToEvaluate {
  /** As it is called in a table; no two have the same. */
  name: string
  folder: string
  digest: string
  contextLength: number
  tokenizer: Tokenizer
}

/** @throws CoreError `INPUT_NOT_FOUND`; ScoringError, TokenizerError where a folder holds no model that can be read */
export async function readModels(given: readonly string[]): Promise<ModelToEvaluate[]> {
  const models: ModelToEvaluate[] = []
  for (const path of given) {
    const folder = modelFolder(path)
    const { digest, contextLength } = await readModelInfo(folder)
    if (models.some((one) => one.digest === digest)) continue
    const plain = basename(resolve(path))
    const name = models.some((one) => one.name === plain) ? path : plain
    models.push({ name, folder, digest, contextLength, tokenizer: await loadTokenizer(folder) })
  }
  return models
}

/** A folder with a model, or the one that `retrace train` made it in. */
export function modelFolder(path: string): string {
  const exported = join(path, 'model')
  // The folder of a training has a config.json too, which is the training's and no model's.
  const isTraining = existsSync(join(path, 'job.json'))
  if (existsSync(join(exported, 'config.json'))) return resolve(exported)
  if (!isTraining && existsSync(join(path, 'config.json'))) return resolve(path)
  const why = isTraining
    ? 'holds a training that has not come to its end, so there is no model yet. Run `retrace train` again'
    : 'has no config.json, nor has its folder model. Give a model folder, or the folder of `retrace train`'
  throw new CoreError('INPUT_NOT_FOUND', `${path} ${existsSync(path) ? why : 'does not exist. Check the path'}.`)
}

/** Whether the training that a model came of, as its job beside it says, had these shards. */
export function wasTrainedOn(model: string, shards: string): boolean {
  const bytes = readFileIfPresent(join(model, '..', 'job.json'))
  if (bytes === null) return false
  try {
    const { shards: given } = JSON.parse(bytes.toString('utf8')) as { shards?: unknown }
    return Array.isArray(given) && given.some((one) => typeof one === 'string' && resolve(one) === resolve(shards))
  } catch {
    return false
  }
}
