import { CoreError, eachBounded, type RunStore } from '../../../core/index.js'
import type { Generator } from '../../../generation/index.js'
import { packRepositories, packTrajectories } from '../../../packing/index.js'
import {
  snapshotSchema,
  trajectorySchema,
  type RepositorySnapshot,
  type ShardManifest,
  type Trajectory,
} from '../../../records/index.js'
import { replayTrajectory, synthesizeTrajectory } from '../../../synthesis/index.js'
import { groundedIds, unitsOf } from './ground.js'
import type { Run } from '../run-folder.js'
import { inStage, orReject } from './stage-work.js'
import { isBudgetSpent } from '../writer.js'

/** Synthesizes several repositories at once: one that waits for slow answers holds up no other. */
export async function synthesizeAll(current: Run, generator: Generator): Promise<void> {
  const { store, config, context } = current
  const ids = groundedIds(store)
  const waiting = ids.filter((id) => !store.isFinished('drafts', id))
  const workload = { unit: 'trajectories', total: ids.length, done: ids.length - waiting.length }
  await inStage(current, 'Synthesis', workload, async (advance) => {
    const synthesize = async (id: string): Promise<void> => {
      context.signal?.throwIfAborted()
      try {
        await orReject(current, id, 'synthesis', () => synthesizeOne(current, generator, id))
        store.remove('unfinished', id)
        advance()
      } catch (error) {
        if (!isBudgetSpent(error)) throw error
        // What an earlier start left it out for was tried again, and did not come up so far.
        store.unreject(id)
        store.write('unfinished', id, { id, stage: 'synthesis' })
      }
    }
    await eachBounded(waiting, config.workers.synthesis, synthesize, context.signal)
  })
}

async function synthesizeOne({ store, config }: Run, generator: Generator, id: string): Promise<void> {
  const snapshot = store.read('snapshots', id, snapshotSchema)
  const trajectory = await synthesizeTrajectory(snapshot, generator, config.synthesis, store.blobs, config.seed)
  await replayTrajectory(trajectory, snapshot, store.blobs)
  store.write('drafts', id, trajectory)
}

/** Counts the tokens of a finished trajectory and stores it; one whose thoughts were changed is replayed once more. */
export async function keepTrajectory(
  { store, tokenizer, renderer, read }: Run,
  trajectory: Trajectory,
  snapshot: RepositorySnapshot,
  isChanged: boolean,
): Promise<void> {
  if (isChanged) await replayTrajectory(trajectory, snapshot, store.blobs)
  const steps = trajectory.episodes.flatMap((episode) => episode.steps)
  const rendered = steps.map((step) => Object.values(renderer.step(step, read)).flat())
  const segments = [...renderer.header(trajectory), ...rendered.flat(), ...renderer.end()]
  const lengths = tokenizer.encodeSegments(segments).map((ids) => ids.length)
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const texts = snapshot.files.map(({ blob, sizeBytes }) => read({ blob, start: 0, end: sizeBytes }))
  store.write('counts', trajectory.id, {
    rawTokens: sum(texts.map((text) => tokenizer.encode(text).length)),
    reconstructedTokens: sum(lengths),
    trainedTokens: sum(lengths.filter((_, index) => segments[index]?.trainable === true)),
  })
  store.write('trajectories', trajectory.id, trajectory)
}

/** Whether every input came as far as a trajectory or a reject, or as a budget let it. */
export function isSearched(store: RunStore, record: Run['record']): boolean {
  const isDone = (id: string, stage: string): boolean =>
    store.isFinished(stage, id) || store.isFinished('rejects', id) || store.isFinished('unfinished', id)
  const allGrounded = unitsOf(record).every(
    ({ unit }) => store.isFinished('inputs', unit) || store.isFinished('rejects', `input-${unit}`),
  )
  return allGrounded && groundedIds(store).every((id) => isDone(id, 'trajectories'))
}

export async function packAll(current: Run): Promise<void> {
  const { store } = current
  const ids = store.finished('trajectories')
  if (ids.length === 0 && store.finished('unfinished').length > 0) {
    const message =
      'The budget was spent before the first repository was whole, so there is nothing to pack. Run the same command again with a larger budget.'
    throw new CoreError('BUDGET_SPENT', message)
  }
  await inStage(current, 'Packing', { unit: 'documents', total: ids.length, done: 0 }, async (advance) => {
    const manifest = await packRecords(current, store.path('shards'), { onDocument: advance })
    store.write('shards', 'manifest', manifest)
    if (manifest.packing.rows === 0) {
      const message = `No step fits in a row of ${manifest.sequenceLength} tokens, so nothing was packed. Raise packing.sequenceLength.`
      throw new CoreError('CONFIG_INVALID', message)
    }
  })
}

interface PackedRecords {
  /** Mixture component of a document; without it, as the record says, and `code` where repositories are packed as they are. */
  domainOf?: (id: string) => string
  onDocument?: () => void
}

/** Packs what a run came to, as its config says: the trajectories, or the same repositories as they are. Writes no manifest. */
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
