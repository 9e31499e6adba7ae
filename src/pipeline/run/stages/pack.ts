import { CoreError } from '../../../core/index.js'
import { packRepositories, packTrajectories } from '../../../packing/index.js'
import { snapshotSchema, trajectorySchema, type ShardManifest, type Trajectory } from '../../../records/index.js'
import type { Run } from '../run-folder.js'
import { inStage } from './stage-work.js'

/** Packs everything that the run came to into the shards of its folder. */
export async function packAll(run: Run): Promise<void> {
  const { store } = run
  const ids = store.finished('trajectories')
  if (ids.length === 0 && store.finished('unfinished').length > 0) {
    const message =
      'The budget was spent before the first repository was whole, so there is nothing to pack. Run the same command again with a larger budget.'
    throw new CoreError('BUDGET_SPENT', message)
  }
  await inStage(run, 'Packing', { unit: 'documents', total: ids.length, done: 0 }, async (advance) => {
    const manifest = await packRecords(run, store.path('shards'), { onDocument: advance })
    store.write('shards', 'manifest', manifest)
    if (manifest.packing.rows === 0) {
      const message = `No step fits in a row of ${manifest.sequenceLength} tokens, so nothing was packed. Raise packing.sequenceLength.`
      throw new CoreError('CONFIG_INVALID', message)
    }
  })
}

interface PackedRecords {
  /** Mixture component of a document; by default the record's, and `code` where repositories are packed as they are. */
  domainOf?: (id: string) => string
  onDocument?: () => void
}

/** Packs the trajectories of a run, or the same repositories as they are, as its config says. Writes no manifest. */
export async function packRecords(
  { store, config, tokenizer, renderer, context, read }: Run,
  folder: string,
  { domainOf, onDocument }: PackedRecords = {},
): Promise<ShardManifest> {
  const options = { ...config.packing, seed: config.seed }
  const target = { read, tokenizer, folder, signal: context.signal }
  const each = function* <Document>(make: (id: string) => Document): Iterable<Document> {
    for (const id of store.finished('trajectories')) {
      yield make(id)
      onDocument?.()
    }
  }
  if (options.content === 'code') {
    const repositories = each((id) => ({
      snapshot: store.read('snapshots', id, snapshotSchema),
      domain: domainOf?.(id) ?? 'code',
    }))
    return packRepositories({ ...target, repositories }, options)
  }
  const trajectories = each((id): Trajectory => {
    const trajectory = store.read('trajectories', id, trajectorySchema)
    return { ...trajectory, domain: domainOf?.(id) ?? trajectory.domain }
  })
  return packTrajectories({ ...target, trajectories, renderer }, options)
}
