import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { writeFileAtomic, type RunStore } from '../../core/index.js'
import { leastGain, walkSteps } from '../../cot-search/index.js'
import {
  searchRowSchema,
  shardManifestSchema,
  snapshotSchema,
  trajectorySchema,
  type SearchRow,
  type ShardManifest,
} from '../../records/index.js'
import {
  buildReport,
  summarizeSearch,
  type ReportRepository,
  type ReportStage,
  type SearchSummary,
  type ViewerDocument,
} from '../../report/index.js'
import { Ledger, type LedgerSummary } from './ledger.js'
import { languageFacts, writingFacts } from './report-facts.js'
import {
  calibrationSchema,
  countsSchema,
  rejectSchema,
  unfinishedSchema,
  type Calibration,
  type Run,
} from './run-folder.js'

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

export function finish(current: Run): RunSummary {
  const { store, record, config } = current
  writeReport(current)
  const summary = summarizeRun(store)
  const { retraceVersion, model } = record
  const { repositories, rejects, unfinished, search, shards } = summary
  const manifest = {
    schemaVersion: 1,
    retraceVersion,
    model,
    generator: record.generator,
    calls: summary.calls.used,
    scorer: calibrationOf(store)?.scorer ?? null,
    noise: noiseOf(store),
    config: { ...record.config, packing: config.packing },
  }
  writeFileAtomic(
    store.path('manifest.json'),
    JSON.stringify({ ...manifest, repositories, rejects, unfinished, search, shards }, null, 2) + '\n',
  )
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
    rejects: rejectsOf(store),
    unfinished: store.finished('unfinished').map((id) => store.read('unfinished', id, unfinishedSchema)),
    calls: new Ledger(store).summary(),
    search: summarizeSearch(allRows(store)),
    shards: store.read('shards', 'manifest', shardManifestSchema),
    report: store.path('report.html'),
  }
}

function rejectsOf(store: RunStore): RunSummary['rejects'] {
  return store.finished('rejects').map((id) => {
    const { stage, reason, message } = store.read('rejects', id, rejectSchema)
    return { id, stage, reason, message }
  })
}

/** The rows of all trajectories without the words of their thoughts: figures need none, and they are most of the bytes. */
function allRows(store: RunStore): SearchRow[] {
  return store.finished('trajectories').flatMap((id) =>
    store.rows('search', id, searchRowSchema).map((row) => ({
      ...row,
      candidates: row.candidates.map((candidate) => ({ ...candidate, thought: null })),
    })),
  )
}

export function writeReport(current: Run): string {
  const { store, record, config } = current
  const ids = store.finished('trajectories')
  const noise = noiseOf(store)
  const html = buildReport({
    run: {
      name: basename(resolve(store.folder)),
      retraceVersion: record.retraceVersion,
      model: record.model,
      scorer: calibrationOf(store)?.scorer ?? null,
      generator: record.generator,
      renderer: config.packing.renderer,
      seed: config.seed,
      noise,
      leastGain: config.search === false ? 0 : leastGain(noise, config.search),
      config: { ...record.config, packing: config.packing },
    },
    repositories: ids.map((id) => repositoryForReport(store, id)),
    search: allRows(store),
    shards: store.read('shards', 'manifest', shardManifestSchema),
    stages: stageTimes(store),
    rejects: rejectsOf(store),
    languages: languageFacts(store, ids),
    writing: writingFacts(store, ids, new Ledger(store).summary()),
    documents: documentsForReport(current, ids),
  })
  writeFileAtomic(store.path('report.html'), html)
  return store.path('report.html')
}

/** The measured noise of a mean log-probability, nats per token; 0 where nothing was scored. */
function noiseOf(store: RunStore): number {
  return calibrationOf(store)?.noise ?? 0
}

function calibrationOf(store: RunStore): Calibration | null {
  return store.isFinished('.', 'calibration') ? store.read('.', 'calibration', calibrationSchema) : null
}

const timingSchema = z.strictObject({ name: z.string(), unit: z.string(), units: z.int(), seconds: z.number() })

/** Time by stage; what several starts of one run did of a stage is added up. */
function stageTimes(store: RunStore): ReportStage[] {
  const stages = new Map<string, ReportStage>()
  for (const { name, unit, units, seconds } of store.rows('.', 'timings', timingSchema)) {
    const before = stages.get(name)
    stages.set(name, { name, unit, units: units + (before?.units ?? 0), seconds: seconds + (before?.seconds ?? 0) })
  }
  return [...stages.values()]
}

function repositoryForReport(store: RunStore, id: string): ReportRepository {
  const { name, files, skipped, importCounts, components } = store.read('snapshots', id, snapshotSchema)
  const cycles = components.filter((component) => component.length > 1).map((component) => component.length)
  return {
    id,
    name,
    files: files.length,
    skipped,
    importCounts,
    cycles: { components: cycles.length, largest: Math.max(0, ...cycles) },
    ...store.read('counts', id, countsSchema),
  }
}

function* documentsForReport(current: Run, ids: readonly string[]): Iterable<ViewerDocument> {
  for (const id of ids) yield documentForReport(current, id)
}

function documentForReport({ store, renderer, read }: Run, id: string): ViewerDocument {
  const trajectory = store.read('trajectories', id, trajectorySchema)
  const rows = new Map(store.rows('search', id, searchRowSchema).map((row) => [`${row.episode} ${row.step}`, row]))
  const steps = walkSteps(trajectory, renderer, read)
  const episodes = trajectory.episodes.map(({ path }, episode) => ({
    path,
    steps: steps
      .filter((one) => one.episode === episode)
      .map((one) => ({ parts: one.rendered, row: rows.get(`${episode} ${one.step}`) ?? null })),
  }))
  return { id, name: trajectory.name, header: renderer.header(trajectory), episodes }
}
