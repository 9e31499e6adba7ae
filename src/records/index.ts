// Every record that crosses a stage: its zod schema, its type and its schemaVersion. Stages meet here and nowhere else.
// To add a record: one file with schema and type, and its name below.
export {
  fileRecordSchema,
  snapshotSchema,
  type FileRecord,
  type ImportCounts,
  type ImportRecord,
  type OutlineItem,
  type RepositorySnapshot,
  type SkippedFile,
} from './snapshot.js'
export {
  generatorInfoSchema,
  thoughtSchema,
  trajectorySchema,
  type Episode,
  type GeneratorInfo,
  type Step,
  type Thought,
  type Trajectory,
} from './trajectory.js'
export {
  callSchema,
  ledgerRowSchema,
  ledgerSendSchema,
  type Call,
  type LedgerRow,
  type Message,
  type Usage,
} from './call.js'
export { conversationSchema, type Conversation, type Part, type Turn } from './conversation.js'
export { searchRowSchema, type Candidate, type Leak, type SearchRow } from './search.js'
export { shardManifestSchema, type ShardManifest } from './manifest.js'
export {
  trainingEventSchema,
  trainingFailureSchema,
  type EndEvent,
  type StartEvent,
  type StepEvent,
  type TrainingEvent,
  type TrainingFailure,
  trainingEngines,
} from './training-event.js'
export {
  evaluationTaskSchema,
  offlineResultsSchema,
  type ChoiceTask,
  type CompletionTask,
  type EvaluationTask,
  type Likelihood,
  type OfflineResults,
} from './evaluation.js'
export {
  ablationArms,
  ablationMeasures,
  ablationSchema,
  ablationTrainingSchema,
  type Ablation,
  type AblationArm,
  type AblationMeasure,
  type AblationTraining,
  type PairedDifference,
} from './ablation.js'
export {
  evaluationReportSchema,
  type EvaluatedModel,
  type EvaluationReport,
  type SuiteOutcome,
  type SuiteResults,
} from './evaluation-report.js'
