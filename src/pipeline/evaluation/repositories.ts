import { CoreError, digestOf, spanReader, type RunStore } from '../../core/index.js'
import {
  shardManifestSchema,
  snapshotSchema,
  type FileRecord,
  type RepositorySnapshot,
  type ShardManifest,
} from '../../records/index.js'
import { openRun } from '../run/run-folder.js'
import { groundedIds } from '../run/run-records.js'

/** What evaluation needs of a run: its repositories, and its shards where it was packed. */
export interface EvaluationRepositories {
  /** The path as it was given. */
  folder: string
  store: RunStore
  /** In code-unit order. */
  ids: readonly string[]
  /** Digest of everything that the offline suites are made from. */
  digest: string
  shards: { folder: string; manifest: ShardManifest } | null
  snapshot(id: string): RepositorySnapshot
  text(file: FileRecord): string
}

/** @throws CoreError `INPUT_NOT_FOUND` where the folder is not that of a run, `RUN_INCOMPLETE` where nothing is grounded yet */
export function openEvaluationRepositories(folder: string): EvaluationRepositories {
  const { store } = openRun(folder)
  const ids = groundedIds(store)
  if (ids.length === 0) {
    const message = `${folder} has no repository yet: nothing can be evaluated on it. Run it to its end first.`
    throw new CoreError('RUN_INCOMPLETE', message)
  }
  const isPacked = store.isFinished('shards', 'manifest')
  const manifest = isPacked ? store.read('shards', 'manifest', shardManifestSchema) : null
  const read = spanReader(store.blobs)
  return {
    folder,
    store,
    ids,
    digest: digestOf({ ids, shards: manifest?.shards.map(({ sha256 }) => sha256) ?? [] }),
    shards: manifest === null ? null : { folder: store.path('shards'), manifest },
    snapshot: (id) => store.read('snapshots', id, snapshotSchema),
    text: ({ blob, sizeBytes }) => read({ blob, start: 0, end: sizeBytes }),
  }
}
