import { existsSync } from 'node:fs'
import { digestOf, RetraceError, RunStore, writeFileAtomic } from '../core/index.js'
import type { RunConfig } from '../config.js'
import { snapshotSchema, trajectorySchema } from '../records/index.js'
import { replayTrajectory, type ReplayResult } from '../synthesis/index.js'
import { loadTokenizer } from '../tokenizer/index.js'
import { checkSameRun, describeRun, openRun, reopen, runOf, type RunContext } from './run-folder.js'
import { groundAll, packAll, searchAll, synthesizeAll, timed } from './stages.js'
import { finish, summarizeRun, writeReport, type RunSummary } from './summary.js'

/**
 * Takes repositories to packed shards and a report. The whole run, top to bottom; each stage leaves records in the
 * run's folder and does only what is not there yet, so the same call after a kill goes on and ends in the same bytes.
 *
 * @throws RetraceError with a code where nothing can be made of the input, or the folder belongs to another run
 */
export async function run(
  inputs: readonly string[],
  folder: string,
  modelDir: string,
  config: RunConfig,
  context: RunContext,
): Promise<RunSummary> {
  const record = await describeRun(inputs, modelDir, config)
  const store = new RunStore(folder)
  checkSameRun(store, record)
  if (existsSync(store.path('manifest.json'))) return { ...summarizeRun(store, record), nothingToDo: true }
  const tokenizer = await loadTokenizer(modelDir)
  const unlock = store.lock()
  try {
    writeFileAtomic(store.path('config.json'), JSON.stringify(record, null, 2) + '\n')
    const current = runOf(store, record, config, tokenizer, context)

    // 1. Repositories become snapshots: files, outlines, imports, order.
    await timed(current, 'grounding', 'repositories', () => groundAll(current))
    // 2. Snapshots become trajectories: requirements, plan, thoughts, Reads, Writes.
    await timed(current, 'synthesis', 'trajectories', () => synthesizeAll(current))
    // 3. Thoughts get better where the scorer finds the true code more likely.
    await timed(current, 'search', 'thoughts', () => searchAll(current))
    // 4. Trajectories become rows of tokens and labels.
    await timed(current, 'packing', 'documents', () => packAll(current))
    // 5. One page shows what happened. 6. The manifest says that the run is whole.
    return finish(current)
  } finally {
    unlock()
  }
}

/** Replays every trajectory of a run against its snapshot. Failures are answers, one per trajectory. */
export function replayRun(folder: string): { id: string; result: ReplayResult | null; failure: string | null }[] {
  const store = openRun(folder).store
  return store.finished('trajectories').map((id) => {
    try {
      const trajectory = store.read('trajectories', id, trajectorySchema)
      const snapshot = store.read('snapshots', id, snapshotSchema)
      return { id, result: replayTrajectory(trajectory, snapshot, store.blobs), failure: null }
    } catch (error) {
      if (!(error instanceof RetraceError)) throw error
      return { id, result: null, failure: error.message }
    }
  })
}

/** Packs a finished run again, with other packing options where they are given, and renews report and manifest. */
export async function packRun(
  folder: string,
  packing: RunConfig['packing'] | null,
  context: RunContext,
): Promise<RunSummary> {
  const current = await reopen(folder, context)
  if (packing !== null) {
    if (
      digestOf([packing.renderer, packing.masks]) !==
      digestOf([current.config.packing.renderer, current.config.packing.masks])
    )
      context.progress.note('Renderer or masks differ from those that the search scored with.')
    current.config.packing = packing
    current.record.config.packing = packing
  }
  const unlock = current.store.lock()
  try {
    await timed(current, 'packing', 'documents', () => packAll(current))
    writeFileAtomic(current.store.path('config.json'), JSON.stringify(current.record, null, 2) + '\n')
    return finish(current)
  } finally {
    unlock()
  }
}

/** Writes the report of a run again and gives its path. */
export async function reportRun(folder: string, context: RunContext): Promise<string> {
  return writeReport(await reopen(folder, context))
}
