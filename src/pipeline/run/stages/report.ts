import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { writeFileAtomic, type RunStore } from '../../../core/index.js'
import { leastGain, walkSteps } from '../../../cot-search/index.js'
import {
  searchRowSchema,
  shardManifestSchema,
  snapshotSchema,
  trajectorySchema,
  type SearchRow,
} from '../../../records/index.js'
import {
  buildReport,
  type ReportRepository,
  type ReportRun,
  type ReportStage,
  type ViewerDocument,
} from '../../../report/index.js'
import { Ledger } from '../ledger.js'
import type { Run } from '../run-folder.js'
import { calibrationOf, countsSchema, rejectsOf } from '../run-records.js'
import { languageFacts, writingFacts } from './report-facts.js'

/** Writes the page that shows what happened in a run, and gives its path. */
export function reportAll(run: Run): string {
  const { store } = run
  const ids = store.finished('trajectories')
  const html = buildReport({
    run: describeRunForReport(run),
    repositories: ids.map((id) => repositoryForReport(store, id)),
    search: searchRowsOf(store),
    shards: store.read('shards', 'manifest', shardManifestSchema),
    stages: stageTimes(store),
    rejects: rejectsOf(store).map(({ id, stage, reason, message }) => ({ id, stage, reason, message })),
    languages: languageFacts(store, ids),
    writing: writingFacts(store, ids, new Ledger(store).summary()),
    documents: documentsForReport(run, ids),
  })
  writeFileAtomic(store.path('report.html'), html)
  return store.path('report.html')
}

function describeRunForReport({ store, record, config }: Run): ReportRun {
  const calibration = calibrationOf(store)
  const noise = calibration?.noise ?? 0
  return {
    name: basename(resolve(store.folder)),
    retraceVersion: record.retraceVersion,
    model: record.model,
    scorer: calibration?.scorer ?? null,
    generator: record.generator,
    renderer: config.packing.renderer,
    seed: config.seed,
    noise,
    leastGain: config.search === false ? 0 : leastGain(noise, config.search),
    config: { ...record.config, packing: config.packing },
  }
}

/** The search rows of all trajectories without the texts of their thoughts, which are most of the bytes and not needed. */
export function searchRowsOf(store: RunStore): SearchRow[] {
  return store.finished('trajectories').flatMap((id) =>
    store.rows('search', id, searchRowSchema).map((row) => ({
      ...row,
      candidates: row.candidates.map((candidate) => ({ ...candidate, thought: null })),
    })),
  )
}

const timingSchema = z.strictObject({ name: z.string(), unit: z.string(), units: z.int(), seconds: z.number() })

/** Time by stage, summed over the starts of the run. */
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

function* documentsForReport(run: Run, ids: readonly string[]): Iterable<ViewerDocument> {
  for (const id of ids) yield documentForReport(run, id)
}

function documentForReport({ store, renderer, read }: Run, id: string): ViewerDocument {
  const trajectory = store.read('trajectories', id, trajectorySchema)
  const rows = new Map(store.rows('search', id, searchRowSchema).map((row) => [`${row.episode} ${row.step}`, row]))
  const steps = walkSteps(trajectory, renderer, read)
  const episodes = trajectory.episodes.map(({ path }, episode) => ({
    path,
    steps: steps
      .filter((step) => step.episode === episode)
      .map(({ rendered, step }) => ({ parts: rendered, row: rows.get(`${episode} ${step}`) ?? null })),
  }))
  return { id, name: trajectory.name, header: renderer.header(trajectory), episodes }
}
