import { rmSync } from 'node:fs'
import type { RunConfig } from '../../config.js'
import { RunStore, writeFileAtomic } from '../../core/index.js'
import { loadTokenizer } from '../../tokenizer/index.js'
import { requireRun } from '../preflight/preflight.js'
import { openGenerator } from './generator.js'
import type { RunContext } from './run-context.js'
import { describeRun, isWhole, runOf } from './run-folder.js'
import { checkSameRun, settleBackend } from './same-run.js'
import { groundAll } from './stages/ground.js'
import { packAll } from './stages/pack.js'
import { reportAll } from './stages/report.js'
import { isSearched, searchAll } from './stages/search.js'
import { synthesizeAll } from './stages/synthesize.js'
import { summarizeRun, writeManifest, type RunSummary } from './summary.js'

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
  const store = new RunStore(folder)
  const record = settleBackend(store, await describeRun(inputs, folder, modelDir, config))
  checkSameRun(store, record)
  const tokenizer = await loadTokenizer(modelDir)
  const unlock = store.lock()
  try {
    // Again, now that nobody else can change it.
    checkSameRun(store, record)
    const isOnlyPackingLeft = isSearched(store, record.inputs) && store.finished('unfinished').length === 0
    if (isOnlyPackingLeft && isWhole(store)) return { ...summarizeRun(store), nothingToDo: true }
    const current = runOf(store, record, { ...config, scorer: record.config.scorer }, tokenizer, context)
    // 0. What would fail later is refused now: nothing is paid for a run that cannot come to its end.
    if (!isOnlyPackingLeft) {
      const request = { inputs, folder, modelDir, config: current.config, tokenizer }
      await requireRun(request, (line) => context.progress.note(line))
    }
    rmSync(store.path('manifest.json'), { force: true })
    writeFileAtomic(store.path('config.json'), JSON.stringify(record, null, 2) + '\n')
    const generator = openGenerator(current)
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
    // 5. One page shows what happened.
    reportAll(current)
    // 6. The manifest says that the run is whole.
    return writeManifest(current)
  } finally {
    unlock()
  }
}
