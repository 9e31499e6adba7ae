import { resolve } from 'node:path'
import { planData, worldSizes, type DataPlan } from './data-plan.js'
import { TrainingError } from './errors.js'
import { readModelShape, type ModelShape } from '../model/index.js'
import { identifyModel, type ModelIdentity } from './model-shape.js'
import { openShardFolders, type ShardFolder } from './shard-folders.js'
import type { TrainingConfig } from './options.js'
import type { TrainingRequest } from './request.js'
import { checkFolder, recordOf, type TrainingRecord } from './training-folder.js'

/** What the disk holds of what a request names. */
export interface Inspection {
  shape: ModelShape
  identity: ModelIdentity
  shards: ShardFolder[]
  data: DataPlan
  /** Numbers of ranks that share a step's rows evenly, in rising order. */
  sizes: number[]
  record: TrainingRecord
}

/**
 * Checks everything that a request names, before any Python runs or is installed.
 *
 * @throws TrainingError `SHARD_*`, `MANIFEST_INVALID`, `MODEL_*`, `TOKENIZER_MISMATCH`, `ROW_TOO_LONG`, `CONFIG_INVALID`; CoreError `RUN_MISMATCH`, `OUT_NOT_A_RUN`
 */
export function inspectRequest(request: TrainingRequest): Inspection {
  const shards = openShardFolders(request.shards)
  const shape = readModelShape(request.modelDir)
  const identity = identifyModel(request.modelDir, request.config.init)
  checkTokenizer(shards, identity.tokenizerDigest)
  checkRows(shards, request.config)
  const data = planData(shards, request.config)
  const sizes = worldSizes(request.config)
  const record = recordOf(request, identity, shards)
  checkFolder(record, resolve(request.out))
  return { shape, identity, shards, data, sizes, record }
}

function checkTokenizer(shards: readonly ShardFolder[], digest: string): void {
  const other = shards.find(({ manifest }) => manifest.tokenizer.digest !== digest)
  if (other === undefined) return
  const packed = other.manifest.tokenizer.digest.slice(0, 12)
  const message = `${other.folder} was packed with another tokenizer (${packed}) than the model's (${digest.slice(0, 12)}). Give the model that it was packed for, or pack it again.`
  throw new TrainingError('TOKENIZER_MISMATCH', message, { folder: other.folder })
}

function checkRows(shards: readonly ShardFolder[], { contextLength }: TrainingConfig): void {
  if (contextLength === null) return
  const longer = shards.find(({ manifest }) => manifest.sequenceLength > contextLength)
  if (longer === undefined) return
  const { sequenceLength } = longer.manifest
  const message = `Rows of ${longer.folder} have up to ${sequenceLength} tokens, more than the context length of ${contextLength}. Raise contextLength, or pack with a smaller packing.sequenceLength.`
  throw new TrainingError('ROW_TOO_LONG', message, { folder: longer.folder, sequenceLength, contextLength })
}
