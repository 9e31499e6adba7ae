import { resolve } from 'node:path'
import { identifyModel, readModelShape, type ModelIdentity, type ModelShape } from './model-shape.js'
import { openShardFolders, type ShardFolder } from './shard-folders.js'
import type { TrainingRequest } from './train.js'
import { checkFolder, recordOf, type TrainingRecord } from './training-folder.js'

/** What a request names, as found on the disk. */
export interface Inspection {
  shape: ModelShape
  identity: ModelIdentity
  shards: ShardFolder[]
  record: TrainingRecord
}

/**
 * Looks at all that a request names, before any Python runs.
 *
 * @throws TrainingError `SHARD_*`, `MANIFEST_INVALID`, `MODEL_*`; CoreError `RUN_MISMATCH`, `OUT_NOT_A_RUN`
 */
export function inspectRequest(request: TrainingRequest): Inspection {
  const shards = openShardFolders(request.shards)
  const shape = readModelShape(request.modelDir)
  const identity = identifyModel(request.modelDir, request.config.init)
  const record = recordOf(request, identity, shards)
  checkFolder(record, resolve(request.out))
  return { shape, identity, shards, record }
}
