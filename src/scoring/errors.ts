import { RetraceError, type WireError } from '../core/index.js'

export type ScoringErrorCode =
  | 'MODEL_MISSING_FILE'
  | 'MODEL_INVALID'
  | 'MODEL_UNSUPPORTED'
  | 'TOKEN_OUT_OF_RANGE'
  | 'INVALID_BRANCH'
  | 'EMPTY_TARGET'
  | 'CONTEXT_TOO_LONG'
  | 'PREFIX_CLOSED'
  | 'NOT_FINITE'
  | 'BACKEND_FAILED'
  | 'BACKEND_DIED'
  | 'ABORTED'

/** Errors of the room `scoring`. The scorer lives on after each, but for `BACKEND_DIED`. */
export class ScoringError extends RetraceError<ScoringErrorCode> {}

/** A backend's error as it crossed the process; what has no code of ours there was thrown by the library it runs on. */
export function reviveScoringError(wire: WireError): ScoringError {
  const foreign = wire.code === 'WORKER_FAILED'
  const error = foreign
    ? new ScoringError('BACKEND_FAILED', `The backend could not compute: ${wire.message}. Is there enough memory?`)
    : new ScoringError(wire.code as ScoringErrorCode, wire.message, wire.details)
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}
