import { CoreError, digestOf, type RunStore } from '../../core/index.js'
import {
  shardManifestSchema,
  snapshotSchema,
  type FileRecord,
  type RepositorySnapshot,
  type ShardManifest,
} from '../../records/index.js'
import { groundedIds } from '../run/stages/ground.js'
import { openRun } from '../run/run-folder.js'

/** A run as evaluation sees it: its repositories as they are, and its shards where it was packed. */
export interface EvaluationRepositories {
  /** As it was given. */
  folder: string
  store: RunStore
  /** In code-unit order. */
  ids: readonly string[]
  /** Of all that the offline suites are made of. */
  digest: string
  shards: { folder: string; manifest: ShardManifest } | null
  snapshot(id: string): RepositorySnapshot
  text(file: FileRecord): string
}

/** @throws CoreError `INPUT_NOT_FOUND` where the folder is no run's, `RUN_INCOMPLETE` where nothing is grounded yet */
export function openEvaluationRepositories(folder: string): EvaluationRepositories {
  const { store } = openRun(folder)
  const ids = groundedIds(store)
  if (ids.length === 0) {
    const message = `${folder} has no repository yet: nothing can be evaluated on it. Run it to its end first.`
    throw new CoreError('RUN_INCOMPLETE', message)
  }
  const isPacked = store.isFinished('shards', 'manifest')
  const manifest = isPacked ? store.read('shards', 'manifest', shardManifestSchema) : null
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return {
    folder,
    store,
    ids,
    digest: digestOf({ ids, shards: manifest?.shards.map(({ sha256 }) => sha256) ?? [] }),
    shards: manifest === null ? null : { folder: store.path('shards'), manifest },
    snapshot: (id) => store.read('snapshots', id, snapshotSchema),
    text: ({ blob }) => decoder.decode(store.blobs.get(blob)),
  }
}
