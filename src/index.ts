// The public face of the library: what a program needs to run the chain or a piece of it.
export { loadRunConfig, runConfigSchema, shippedModel, type RunConfig } from './config.js'
export { memoryBlobStore, RetraceError, RunStore, silentProgress, spanReader, type Progress } from './core/index.js'
export {
  ablate,
  evaluate,
  groundOnly,
  packRun,
  replayRun,
  reportRun,
  run,
  scoreFile,
  trainRuns,
  type Ablation,
  type EvaluationRequest,
  type RunSummary,
  type TrainingSummary,
  type TrainOptions,
} from './pipeline/index.js'
export { readModelInfo } from './model/index.js'
export type { RepositorySnapshot, SearchRow, ShardManifest, Trajectory } from './records/index.js'
export type { Segment } from './rendering/index.js'
export { createScorer, type Branch, type BranchScore, type Prefix, type Scorer } from './scoring/index.js'
export { trainingConfigSchema, type TrainingConfig } from './training/index.js'
export { loadTokenizer, type Tokenizer } from './tokenizer/index.js'
