// The whole run, its stages one by one, and what is done with runs afterwards. In: paths and a config. Out: a folder.
// `preflight/` looks whether a run can come to its end, `run/` takes repositories to shards: `run.ts` is the run on one
// page, `stages/` has a file for each stage. On top of it `interchange/` exports and imports, `evaluation/` measures
// models, `ablation/` compares what they were trained on. A sub-room imports only those named before it.
// To add a stage: one file in `run/stages/` and its line in `run/run.ts`. To add a check: its line in `preflight.ts`.
export { ablate, planAblation, type AblationPlan } from './ablation/ablate.js'
export { loadAblationConfig } from './ablation/options.js'
export { splitRepositories } from './ablation/split.js'
export { errorTables } from './error-tables.js'
export {
  describeEvaluation,
  evaluate,
  evaluationCommands,
  evaluationSuiteNames,
  parseSuites,
  type EvaluationRequest,
} from './evaluation/evaluate.js'
export { groundOnly } from './ground-only.js'
export { exportFormats, exportRun, type ExportFormat } from './interchange/export-run.js'
export { importConversations, type ImportSummary } from './interchange/import-conversations.js'
export { packRun, replayRun, reportRun } from './run/finished-run.js'
export type { CheckResult } from './preflight/check.js'
export { examine } from './preflight/preflight.js'
export { readInputList } from './run/input-list.js'
export { run } from './run/run.js'
export type { RunSummary } from './run/summary.js'
export { scoreFile } from './score-file.js'
export { previewTrainRuns, trainRuns, type TrainOptions } from './train.js'
// Names of other rooms that the command line needs.
export { ablationArms, type Ablation } from '../records/index.js'
export { verdictOf } from '../report/index.js'
export { presetNames as trainingPresets, type TrainingSummary } from '../training/index.js'
