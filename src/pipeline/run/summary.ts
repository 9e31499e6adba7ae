import { writeFileAtomic, type RunStore } from '../../core/index.js'
import { shardManifestSchema, snapshotSchema, type ShardManifest } from '../../records/index.js'
import { summarizeSearch, type SearchSummary } from '../../report/index.js'
import { Ledger, type LedgerSummary } from './ledger.js'
import type { Run } from './run-folder.js'
import { calibrationOf, countsSchema, rejectsOf, unfinishedOf } from './run-records.js'
import { searchRowsOf } from './stages/report.js'

/** What a run came to; `manifest.json` holds the same. */
export interface RunSummary {
  folder: string
  /** Whether an earlier run had done all of it. */
  nothingToDo: boolean
  repositories: { id: string; name: string; files: number; rawTokens: number; reconstructedTokens: number }[]
  rejects: { id: string; stage: string; reason: string; message: string }[]
  /** Repositories whose budget was spent; a run with a larger one goes on with them. */
  unfinished: { id: string; stage: 'synthesis' | 'search' }[]
  /** Calls of a language model. */
  calls: LedgerSummary
  search: SearchSummary
  shards: ShardManifest
  report: string
}

/** Writes `manifest.json`, which says that the run is whole. */
export function writeManifest({ store, record, config }: Run): RunSummary {
  const summary = summarizeRun(store)
  const calibration = calibrationOf(store)
  const { repositories, rejects, unfinished, search, shards } = summary
  const manifest = {
    schemaVersion: 1,
    retraceVersion: record.retraceVersion,
    model: record.model,
    generator: record.generator,
    calls: summary.calls.used,
    scorer: calibration?.scorer ?? null,
    backendReason: record.backendReason,
    noise: calibration?.noise ?? 0,
    config: { ...record.config, packing: config.packing },
    ...{ repositories, rejects, unfinished, search, shards },
  }
  writeFileAtomic(store.path('manifest.json'), JSON.stringify(manifest, null, 2) + '\n')
  return summary
}

export function summarizeRun(store: RunStore): RunSummary {
  const repositories = store.finished('trajectories').map((id) => {
    const { name, files } = store.read('snapshots', id, snapshotSchema)
    const { rawTokens, reconstructedTokens } = store.read('counts', id, countsSchema)
    return { id, name, files: files.length, rawTokens, reconstructedTokens }
  })
  return {
    folder: store.folder,
    nothingToDo: false,
    repositories,
    rejects: rejectsOf(store).map(({ id, stage, reason, message }) => ({ id, stage, reason, message })),
    unfinished: unfinishedOf(store),
    calls: new Ledger(store).summary(),
    search: summarizeSearch(searchRowsOf(store)),
    shards: store.read('shards', 'manifest', shardManifestSchema),
    report: store.path('report.html'),
  }
}
