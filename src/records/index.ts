// Every record that crosses a stage: its zod schema, its type and its schemaVersion, and the segments that a
// trajectory renders to. Stages meet here and nowhere else.
// To add a record: one file with schema and type, and its name below.
export { blobSpanSchema, digestSchema, type BlobSpan } from './span.js'
export {
  fileRecordSchema,
  importSchema,
  languages,
  outlineItemSchema,
  skipReasons,
  skippedFileSchema,
  snapshotSchema,
  type FileRecord,
  type ImportCounts,
  type ImportRecord,
  type Language,
  type OutlineItem,
  type RepositorySnapshot,
  type SkippedFile,
} from './snapshot.js'
export {
  actionSchema,
  episodeSchema,
  generatorInfoSchema,
  stepSchema,
  thoughtSchema,
  trajectorySchema,
  type Action,
  type Episode,
  type GeneratorInfo,
  type PlanRepairs,
  type Step,
  type Thought,
  type ToolDefinition,
  type Trajectory,
} from './trajectory.js'
export { toolDefinitions } from './tool-definitions.js'
export {
  callSchema,
  ledgerRowSchema,
  ledgerSendSchema,
  type Call,
  type LedgerRow,
  type Message,
  type Usage,
} from './call.js'
export {
  conversationSchema,
  isActing,
  partSchema,
  turnSchema,
  type Conversation,
  type Part,
  type Turn,
} from './conversation.js'
export { callParts, quotedWhereNeeded, showsSomething, toolCallOf, toolCallSchema, type ToolCall } from './tool-call.js'
export { headerTurns, planParts, stepTurns } from './trajectory-turns.js'
export { headerParts, type HeaderParts } from './header-parts.js'
export type { RenderedStep, Renderer, Segment, SegmentOrigin, SpanReader } from './segment.js'
export { candidateSchema, searchRowSchema, type Candidate, type Leak, type SearchRow } from './search.js'
export { domainTotalsSchema, shardManifestSchema, type ShardManifest } from './manifest.js'
export {
  endEventSchema,
  startEventSchema,
  stepEventSchema,
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
  choiceTaskSchema,
  completionTaskSchema,
  evaluationTaskSchema,
  heldOutResultSchema,
  likelihoodSchema,
  offlineResultsSchema,
  type ChoiceTask,
  type CompletionResult,
  type CompletionTask,
  type EvaluationTask,
  type HeldOutResult,
  type Likelihood,
  type NeedleResult,
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
  evaluatedModelSchema,
  evaluationReportSchema,
  suiteOutcomeSchema,
  suiteResultsSchema,
  type EvaluatedModel,
  type EvaluationReport,
  type SuiteOutcome,
  type SuiteResults,
} from './evaluation-report.js'
