import type { SearchRow, ShardManifest } from '../records/index.js'
import type { RenderedStep, Segment } from '../rendering/index.js'

/** The settings of the run, as in its manifest. */
export interface ReportRun {
  name: string
  retraceVersion: string
  /** The model that scored. */
  model: { name: string; digest: string; contextLength: number }
  /** Backend, device and kernels that computed the scores; `null` where nothing was scored. */
  scorer: { device: string; dtype: string } | null
  generator: { kind: string; version: string; model: string; prompts: readonly { role: string; version: number }[] }
  renderer: string
  seed: number
  /** How much the mean log-probability of the same code varies between equivalent requests, nats per token. */
  noise: number
  /** The least gain in mean log-probability for which a rewrite is accepted, nats per token. */
  leastGain: number
  /** The resolved config, any JSON value. */
  config: unknown
}

/** A repository, as far as it does not follow from its search rows. */
export interface ReportRepository {
  /** Id of the trajectory; search rows and documents refer to it. */
  id: string
  name: string
  files: number
  /** Files that were left out, with the reason of each. */
  skipped: readonly { path: string; reason: string; detail: string }[]
  importCounts: { file: number; external: number; unresolved: number }
  /** Strongly connected components of more than one file, and the files of the largest (0 where there is none). */
  cycles: { components: number; largest: number }
  /** Tokens of the files as they are, of the whole trajectory, and of what the trajectory trains. */
  rawTokens: number
  reconstructedTokens: number
  trainedTokens: number
}

export interface ReportStage {
  name: string
  seconds: number
  units: number
  /** A regular plural noun, such as `repositories`. */
  unit: string
}

export interface ReportReject {
  id: string
  stage: string
  reason: string
  message: string
}

/** A step as rendered, with the search at its thought. */
interface ViewerStep {
  parts: RenderedStep
  row: SearchRow | null
}

/** A rendered trajectory for the viewer. */
export interface ViewerDocument {
  id: string
  name: string
  header: readonly Segment[]
  episodes: readonly { path: string; steps: readonly ViewerStep[] }[]
}

/** Calls of a language model, tokens as the server counts them. */
export interface ReportSpending {
  calls: number
  promptTokens: number
  completionTokens: number
}

/** Who wrote the texts, at what cost, and which first versions were wrong. */
export interface ReportWriting {
  used: ReportSpending
  paid: ReportSpending
  /** Failures that were tried again, by kind. */
  failures: Readonly<Record<string, number>>
  /** Corrections of the plans. */
  plans: { askedAgain: number; added: number; dropped: number; moved: number }
  /** Thoughts by a model, and thoughts by the narrator. */
  thoughts: { byModel: number; byNarrator: number }
  /** Episodes with a wrong first version, by kind of fault; `attempt` is an attempt of the model itself. */
  debugging: readonly { fault: string; episodes: number }[]
}

export interface ReportLanguage {
  language: string
  files: number
  /** Files with an outline from a syntax tree. */
  parsed: number
  importCounts: { file: number; external: number; unresolved: number }
}

/** Everything that the page shows, in the order of the lists. */
export interface ReportInput {
  run: ReportRun
  repositories: readonly ReportRepository[]
  /** The rows of all trajectories. */
  search: readonly SearchRow[]
  /** `null` where the run was not packed. */
  shards: ShardManifest | null
  stages: readonly ReportStage[]
  rejects: readonly ReportReject[]
  languages: readonly ReportLanguage[]
  writing: ReportWriting
  /** Read one by one, so that a document that does not fit on the page is not kept in memory. */
  documents: Iterable<ViewerDocument>
}

export interface ReportOptions {
  /** The most bytes of trajectories in the page; those that do not fit are listed as left out. */
  maxViewerBytes?: number
}
