import { rmSync } from 'node:fs'
import { runConfigSchema, type RunConfig } from '../../config.js'
import { CoreError, digestOf, parseConfig, RetraceError, RunStore, writeFileAtomic } from '../../core/index.js'
import { snapshotSchema, trajectorySchema } from '../../records/index.js'
import { readModelInfo } from '../../scoring/index.js'
import { replayTrajectory, type ReplayResult } from '../../synthesis/index.js'
import { loadTokenizer } from '../../tokenizer/index.js'
import { groundAll, groundedIds } from './stages/ground.js'
import {
  checkSameRun,
  describeRun,
  isWhole,
  openRun,
  reopen,
  runOf,
  writePackingOverride,
  type RunContext,
} from './run-folder.js'
import { searchAll } from './stages/search.js'
import { isSearched, packAll, synthesizeAll } from './stages/stages.js'
import { finish, summarizeRun, writeReport, type RunSummary } from './summary.js'
import { openWriter } from './writer.js'

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
  const record = await describeRun(inputs, folder, modelDir, config)
  const store = new RunStore(folder)
  checkSameRun(store, record)
  const tokenizer = await loadTokenizer(modelDir)
  const unlock = store.lock()
  try {
    // Again, now that nobody else can change it.
    checkSameRun(store, record)
    if (isWhole(store) && isSearched(store, record) && store.finished('unfinished').length === 0)
      return { ...summarizeRun(store), nothingToDo: true }
    rmSync(store.path('manifest.json'), { force: true })
    writeFileAtomic(store.path('config.json'), JSON.stringify(record, null, 2) + '\n')
    const current = runOf(store, record, config, tokenizer, context)
    const { generator } = openWriter(current)
    try {
      // 1. Repositories become snapshots: files, outlines, imports, order.
      await groundAll(current)
      // 2. Snapshots become trajectories: requirements, plan, thoughts, Reads, Writes, and first versions that are wrong.
      await synthesizeAll(current, generator)
      // 3. Thoughts get better where the scorer finds the true code more likely.
      await searchAll(current, generator)
    } finally {
      await generator.dispose()
    }
    // 4. Trajectories become rows of tokens and labels.
    await packAll(current)
    // 5. One page shows what happened. 6. The manifest says that the run is whole.
    return finish(current)
  } finally {
    unlock()
  }
}

/** Replays every trajectory of a run against its snapshot. Failures are answers, one per trajectory. */
export async function replayRun(
  folder: string,
): Promise<{ id: string; result: ReplayResult | null; failure: string | null }[]> {
  const store = openRun(folder).store
  // What a spent budget left without a trajectory is none that failed; what it left half searched has one.
  const isExpected = (id: string): boolean =>
    store.isFinished('trajectories', id) || !(store.isFinished('rejects', id) || store.isFinished('unfinished', id))
  const answers = []
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
 * from then on; what the search scored with (tokenizer, renderer) cannot be changed behind its back.
 *
 * @throws CoreError `RUN_INCOMPLETE`, `RUN_MISMATCH`, `CONFIG_INVALID`
 */
export async function packRun(folder: string, changes: object | null, context: RunContext): Promise<RunSummary> {
  const before = await reopen(folder, context)
  const { store, record, tokenizer, config } = before
  const packing = parseConfig(
    runConfigSchema,
    { packing: { ...config.packing, ...changes } },
    'The packing config',
  ).packing
  const unlock = store.lock()
  try {
    if (!isSearched(store, record)) {
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
    // Until all is there again the run does not count as whole; running it finishes what a kill leaves undone here.
    rmSync(store.path('manifest.json'), { force: true })
    if (digestOf(packing) !== digestOf(config.packing)) writePackingOverride(store, packing)
    const current = runOf(store, record, config, tokenizer, context)
    await packAll(current)
    return finish(current)
  } finally {
    unlock()
  }
}

/** Writes the report of a run again and gives its path. */
export async function reportRun(folder: string, context: RunContext): Promise<string> {
  const current = await reopen(folder, context)
  const unlock = current.store.lock()
  try {
    return writeReport(current)
  } finally {
    unlock()
  }
}
