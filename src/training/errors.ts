import { RetraceError } from '../core/index.js'

/** What is found before anything starts, or by who watches the processes. */
type LauncherErrorCode =
  | 'MODEL_MISSING_FILE'
  | 'MODEL_INVALID'
  | 'MODEL_UNSUPPORTED'
  | 'CONFIG_INVALID'
  | 'RUN_MISMATCH'
  /** Ranks that cannot share a step's rows evenly; `sizes` are those that can. */
  | 'WORLD_SIZE_INVALID'
  /** With `needed` and `available`, in bytes. */
  | 'MEMORY_TOO_SMALL'
  | 'DEVICE_UNAVAILABLE'
  | 'PYTHON_MISSING'
  /** A module that training needs is not there, or too old. */
  | 'PYTHON_INCOMPLETE'
  | 'ENVIRONMENT_FAILED'
  | 'ENVIRONMENT_BUSY'
  /** A process ended without a word of why. */
  | 'RANK_DIED'
  | 'ABORTED'

/** What the training loop writes into `failure.json`; some of it is found here already. */
type LoopErrorCode =
  | 'JOB_INVALID'
  | 'MANIFEST_INVALID'
  | 'SHARD_MISSING'
  | 'SHARD_CHANGED'
  | 'SHARD_INVALID'
  | 'TOKENIZER_MISMATCH'
  | 'ROW_TOO_LONG'
  | 'PYTHON_PACKAGE_MISSING'
  | 'NO_DEVICE'
  | 'FOLDER_BUSY'
  | 'CHECKPOINT_INVALID'
  | 'NON_FINITE'
  | 'OUT_OF_MEMORY'
  /** Another rank is gone, as one that lives sees it. */
  | 'RANK_LOST'
  | 'UNEXPECTED'

/** What evaluation finds beside these. */
type EvaluationErrorCode =
  | 'TASKS_INVALID'
  | 'EVALUATION_FAILED'
  /** What another program's suite wrote has not the form that is known. */
  | 'RESULTS_INVALID'

export type TrainingErrorCode = LauncherErrorCode | LoopErrorCode | EvaluationErrorCode

/** Errors of the room `training`: what was asked for does not fit, or the loop stopped. The last checkpoint is whole. */
export class TrainingError extends RetraceError<TrainingErrorCode> {}
