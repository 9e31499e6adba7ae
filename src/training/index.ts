// Packed shards to a trained checkpoint, and what the checkpoint is worth. Record in: ShardManifest. Record out:
// TrainingEvent, beside checkpoints and a Hugging Face folder. PyTorch does the work in processes of its own
// (python/retrace_train). This room decides (plan-training.ts), starts and watches them (supervise.ts).
// To add a preset: its keys in presets.ts. To add an engine: one file in python/retrace_train/engines and its name in
// records/training-event.ts.
export { TrainingError, trainingErrors } from './errors.js'
export { inspectRequest } from './inspect-request.js'
export { trainingConfigSchema, type TrainingConfig } from './options.js'
export { checkPresetModel, presetConfig, presetNames, type PresetName } from './presets.js'
export { previewTraining, type TargetMachine, type TrainingPreview } from './preview-training.js'
export { checkModules, probePython } from './probe.js'
export { preparePython, pythonPath, type PythonChoice } from './python-environment.js'
export type { LaunchOptions, TrainingContext, TrainingRequest, TrainingSummary } from './request.js'
export { train } from './train.js'
export { compareTable } from './evaluation/compare-table.js'
export { evaluateOffline, offlineCommandLine, type OfflineRequest } from './evaluation/evaluate-offline.js'
export type { OutsideFolder, OutsideRequest } from './evaluation/outside-suite.js'
export {
  outsideCommands,
  outsideSuiteNames,
  runOutsideSuite,
  type OutsideSuiteName,
} from './evaluation/outside-suites.js'
