import type { SearchRow, ShardManifest } from '../records/index.js'
import type { RenderedStep, Segment } from '../rendering/index.js'

/** What made the run, as the run's manifest has it. */
export interface ReportRun {
  name: string
  retraceVersion: string
  /** The model that scored. */
  model: { name: string; digest: string; contextLength: number }
  /** What computed the scores: backend, device and kernels; `null` where nothing was scored. */
  scorer: { device: string; dtype: string } | null
  generator: { kind: string; version: string; model: string; prompts: readonly { role: string; version: number }[] }
  renderer: string
  seed: number
  /** How far the mean log-probability of one and the same code moves with the way it is asked for, nats per token. */
  noise: number
  /** What a rewrite has to raise the mean log-probability by, nats per token: above the noise, and above a floor. */
  leastGain: number
  /** The resolved config, any JSON value. */
  config: unknown
}

/** What the report says of one repository that does not follow from its search rows. */
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
  /** Units done, and their plural noun. */
  units: number
  unit: string
}

export interface ReportReject {
  id: string
  stage: string
  reason: string
  message: string
}

/** A step as the document has it, with what the search did at its thought. */
export interface ViewerStep {
  parts: RenderedStep
  row: SearchRow | null
}

/** A trajectory for the viewer, rendered. */
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

/** Who wrote the words, at what cost, and what was written wrong at first. */
export interface ReportWriting {
  used: ReportSpending
  paid: ReportSpending
  /** What went wrong and was tried again, by kind. */
  failures: Readonly<Record<string, number>>
  /** What had to be done to the plans. */
  plans: { askedAgain: number; added: number; dropped: number; moved: number }
  /** Thoughts by a model, and those that stand there in the words of the narrator. */
  thoughts: { byModel: number; byNarrator: number }
  /** Episodes with a first version that was wrong, by kind of fault; an attempt of the model's own counts as `attempt`. */
  debugging: readonly { fault: string; episodes: number }[]
}

export interface ReportLanguage {
  language: string
  files: number
  /** Files whose outline comes from a syntax tree. */
  parsed: number
  importCounts: { file: number; external: number; unresolved: number }
}

/** All that the page shows. Lists keep their order. */
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
  /** Taken one by one: what does not fit on the page is let go again. */
  documents: Iterable<ViewerDocument>
}

export interface ReportOptions {
  /** Most bytes of trajectories that the page holds; what does not fit is listed as left out. */
  maxViewerBytes?: number
}
