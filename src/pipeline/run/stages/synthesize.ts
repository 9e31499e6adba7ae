import { eachBounded } from '../../../core/index.js'
import type { Generator } from '../../../generation/index.js'
import { snapshotSchema } from '../../../records/index.js'
import { replayTrajectory, synthesizeTrajectory } from '../../../synthesis/index.js'
import type { Run } from '../run-folder.js'
import { groundedIds } from '../run-records.js'
import { inStage, isBudgetSpent, orReject } from './stage-work.js'

/** Synthesizes several repositories at once, so that slow answers about one do not hold up the others. */
export async function synthesizeAll(run: Run, generator: Generator): Promise<void> {
  const { store, config, context } = run
  const ids = groundedIds(store)
  const waiting = ids.filter((id) => !store.isFinished('drafts', id))
  const workload = { unit: 'trajectories', total: ids.length, done: ids.length - waiting.length }
  await inStage(run, 'Synthesis', workload, async (advance) => {
    const synthesize = async (id: string): Promise<void> => {
      context.signal?.throwIfAborted()
      try {
        await orReject(run, id, 'synthesis', () => synthesizeRepository(run, generator, id))
        store.remove('unfinished', id)
        advance()
      } catch (error) {
        if (!isBudgetSpent(error)) throw error
        // An earlier start may have rejected it. That was tried again, and did not get as far as the reason.
        store.unreject(id)
        store.write('unfinished', id, { id, stage: 'synthesis' })
      }
    }
    await eachBounded(waiting, config.workers.synthesis, synthesize, context.signal)
  })
}

async function synthesizeRepository({ store, config }: Run, generator: Generator, id: string): Promise<void> {
  const snapshot = store.read('snapshots', id, snapshotSchema)
  const trajectory = await synthesizeTrajectory(snapshot, generator, config.synthesis, store.blobs, config.seed)
  await replayTrajectory(trajectory, snapshot, store.blobs)
  store.write('drafts', id, trajectory)
}
