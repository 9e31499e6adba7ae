import { rmSync } from 'node:fs'
import { runConfigSchema } from '../../config.js'
import { CoreError, digestOf, parseConfig, RetraceError } from '../../core/index.js'
import { snapshotSchema, trajectorySchema } from '../../records/index.js'
import { readModelInfo } from '../../model/index.js'
import { replayTrajectory, type ReplayResult } from '../../synthesis/index.js'
import type { RunContext } from './run-context.js'
import { openRun, reopen, runOf, writePackingOverride } from './run-folder.js'
import { groundedIds } from './run-records.js'
import { packAll } from './stages/pack.js'
import { reportAll } from './stages/report.js'
import { isSearched } from './stages/search.js'
import { writeManifest, type RunSummary } from './summary.js'

/** What became of the replay of one trajectory. */
interface ReplayAnswer {
  id: string
  result: ReplayResult | null
  failure: string | null
}

/** Replays every trajectory of a run against its snapshot. A failure is an answer. */
export async function replayRun(folder: string): Promise<ReplayAnswer[]> {
  const { store } = openRun(folder)
  // A repository that was rejected, or left without a trajectory as the budget was spent, has nothing to replay.
  const isExpected = (id: string): boolean =>
    store.isFinished('trajectories', id) || !(store.isFinished('rejects', id) || store.isFinished('unfinished', id))
  const answers: ReplayAnswer[] = []
  for (const id of groundedIds(store).filter(isExpected)) {
    try {
      const trajectory = store.read('trajectories', id, trajectorySchema)
      const snapshot = store.read('snapshots', id, snapshotSchema)
      answers.push({ id, result: await replayTrajectory(trajectory, snapshot, store.blobs), failure: null })
    } catch (error) {
      if (!(error instanceof RetraceError)) throw error
      answers.push({ id, result: null, failure: error.message })
    }
  }
  return answers
}

/**
 * Packs a finished run again and renews report and manifest. The options given replace the run's one by one and hold
 * from then on; what the search scored with (tokenizer, renderer) cannot be changed.
 *
 * @throws CoreError `RUN_INCOMPLETE`, `RUN_MISMATCH`, `CONFIG_INVALID`
 */
export async function packRun(folder: string, changes: object | null, context: RunContext): Promise<RunSummary> {
  const before = await reopen(folder, context)
  const { store, record, tokenizer, config } = before
  const given = { packing: { ...config.packing, ...changes } }
  const { packing } = parseConfig(runConfigSchema, given, 'The packing config')
  const unlock = store.lock()
  try {
    if (!isSearched(store, record.inputs)) {
      throw new CoreError(
        'RUN_INCOMPLETE',
        `${folder} has not come to its end. Run it to its end first, then pack it again.`,
      )
    }
    if ((await readModelInfo(record.modelDir)).digest !== record.model.digest) {
      throw new CoreError(
        'RUN_MISMATCH',
        `${record.modelDir} is not the model that the run was made with. Put that one back.`,
      )
    }
    if (config.search !== false && packing.renderer !== config.packing.renderer) {
      const message = `The search of ${folder} scored with the renderer ${config.packing.renderer}; packing with ${packing.renderer} needs a run of its own.`
      throw new CoreError('RUN_MISMATCH', message)
    }
    // Until everything is there again the run does not count as whole; running it finishes what a kill leaves undone here.
    rmSync(store.path('manifest.json'), { force: true })
    if (digestOf(packing) !== digestOf(config.packing)) writePackingOverride(store, packing)
    const current = runOf(store, record, config, tokenizer, context)
    await packAll(current)
    reportAll(current)
    return writeManifest(current)
  } finally {
    unlock()
  }
}

/** Writes the report of a run again and gives its path. */
export async function reportRun(folder: string, context: RunContext): Promise<string> {
  const current = await reopen(folder, context)
  const unlock = current.store.lock()
  try {
    return reportAll(current)
  } finally {
    unlock()
  }
}
