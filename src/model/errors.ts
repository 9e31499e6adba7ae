import { RetraceError } from '../core/index.js'

type ModelErrorCode =
  | 'MODEL_MISSING_FILE'
  | 'MODEL_INVALID'
  | 'MODEL_UNSUPPORTED'
  /** A weight is NaN or infinite. */
  | 'NOT_FINITE'

/** Errors of the room `model`: what is wrong with the files of a model. */
export class ModelError extends RetraceError<ModelErrorCode> {}
