import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { CoreError, readFileIfPresent } from '../../core/index.js'
import { readModelInfo } from '../../model/index.js'
import { loadTokenizer, type Tokenizer } from '../../tokenizer/index.js'

/** A checkpoint to measure. */
export interface ModelToEvaluate {
  /** Its name in a table; no two models have the same. */
  name: string
  folder: string
  digest: string
  contextLength: number
  tokenizer: Tokenizer
}

/** Reads what evaluation needs of each model; equal ones are taken once. @throws CoreError, ScoringError, TokenizerError */
export async function readModels(given: readonly string[]): Promise<ModelToEvaluate[]> {
  const models: ModelToEvaluate[] = []
  for (const path of given) {
    const folder = modelFolder(path)
    const { digest, contextLength } = await readModelInfo(folder)
    if (models.some((model) => model.digest === digest)) continue
    const plain = basename(resolve(path))
    const name = models.some((model) => model.name === plain) ? path : plain
    models.push({ name, folder, digest, contextLength, tokenizer: await loadTokenizer(folder) })
  }
  return models
}

/** The folder of a model, given itself or the folder of `retrace train` around it. @throws CoreError `INPUT_NOT_FOUND` */
function modelFolder(path: string): string {
  const exported = join(path, 'model')
  // The folder of a training has a config.json too, which is not that of a model.
  const isTraining = existsSync(join(path, 'job.json'))
  if (existsSync(join(exported, 'config.json'))) return resolve(exported)
  if (!isTraining && existsSync(join(path, 'config.json'))) return resolve(path)
  const why = isTraining
    ? 'holds a training that has not come to its end, so there is no model yet. Run `retrace train` again'
    : 'has no config.json, nor has its folder model. Give a model folder, or the folder of `retrace train`'
  throw new CoreError('INPUT_NOT_FOUND', `${path} ${existsSync(path) ? why : 'does not exist. Check the path'}.`)
}

/** Whether a model was trained on these shards, by the job file beside it. */
export function wasTrainedOn(model: string, shards: string): boolean {
  const bytes = readFileIfPresent(join(model, '..', 'job.json'))
  if (bytes === null) return false
  try {
    const { shards: given } = JSON.parse(bytes.toString('utf8')) as { shards?: unknown }
    return (
      Array.isArray(given) && given.some((folder) => typeof folder === 'string' && resolve(folder) === resolve(shards))
    )
  } catch {
    return false
  }
}
