// The whole run and its single stages, for the command line and for programs. In: paths and a config. Out: a run's
// folder. `run.ts` is the run on one page, `stages.ts` does each stage, `run-folder.ts` knows what a folder is of,
// `summary.ts` gathers what came of it. One more stage is one more function in `stages.ts` and its line in `run`.
export {
  describeEvaluation,
  evaluate,
  evaluationCommands,
  evaluationSuiteNames,
  parseSuites,
  type EvaluationRequest,
  type SuiteName,
} from './evaluate.js'
export { ablate, planAblation, type AblationPlan } from './ablation.js'
export { ablationArms, type Ablation } from '../records/index.js'
export { verdictOf } from '../report/index.js'
export { loadAblationConfig } from './ablation-options.js'
export { splitRepositories } from './ablation-split.js'
export { exportFormats, exportRun, importConversations, type ExportFormat, type ImportSummary } from './interchange.js'
export { readInputList } from './input-list.js'
export { packRun, replayRun, reportRun, run } from './run.js'
export type { RunContext } from './run-folder.js'
export type { RunSummary } from './summary.js'
export { groundOnly, scoreFile } from './tools.js'
export { previewTrainRuns, trainRuns, type TrainOptions } from './train.js'
export { trainingEngines } from '../records/index.js'
export { presetNames as trainingPresets, type TrainingSummary } from '../training/index.js'
