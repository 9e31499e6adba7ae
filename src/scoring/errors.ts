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
  /** The cache cannot hold what was asked for, even when all goes that may; with `needed` and `available`. */
  | 'CAPACITY'
  | 'OUT_OF_MEMORY'
  /** More calls wait than the queue holds. */
  | 'QUEUE_FULL'
  /** The package that a backend runs on is not installed, or no backend can be loaded at all. */
  | 'BACKEND_MISSING'
  | 'NATIVE_NOT_BUILT'
  | 'NATIVE_INCOMPATIBLE'
  /** CMake, a compiler or a header for building the native engine is missing. */
  | 'NATIVE_TOOLS_MISSING'
  | 'NATIVE_BUILD_FAILED'
  /** No GPU, no driver or one too old, or the device's library is not there. */
  | 'DEVICE_UNAVAILABLE'
  | 'DEVICE_FAILED'
  /** Nothing works on this device any more until the process is a new one. */
  | 'DEVICE_LOST'

/** Errors of the room `scoring`. The scorer lives on after each, but for `BACKEND_DIED` and `DEVICE_LOST`. */
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
