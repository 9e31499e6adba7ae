import {
  errorClass,
  fromWireError,
  isErrorCode,
  type ErrorTable,
  type RetraceError,
  type WireError,
} from '../core/index.js'

export const scoringErrors = {
  MODEL_MISSING_FILE: { kind: 'usage', meaning: 'The model folder lacks a file that is needed.' },
  MODEL_INVALID: { kind: 'run', meaning: 'A file of the model is damaged, or its tensors do not fit its config.' },
  MODEL_UNSUPPORTED: { kind: 'run', meaning: 'The model has a shape or a type that this backend does not compute.' },
  NOT_FINITE: { kind: 'unit', meaning: 'The weights or a result hold NaN or infinity, so there is no score.' },
  INVALID_REQUEST: {
    kind: 'unit',
    meaning: 'A line of the file to score is not a request in the form that is documented.',
  },
  TOKEN_OUT_OF_RANGE: { kind: 'unit', meaning: 'A token id is not in the vocabulary of the model.' },
  INVALID_BRANCH: { kind: 'unit', meaning: 'The ranges to score of a branch do not lie in its tokens, or overlap.' },
  EMPTY_TARGET: { kind: 'unit', meaning: 'A branch names no token to score.' },
  CONTEXT_TOO_LONG: { kind: 'unit', meaning: 'Prefix and branch together are longer than the context of the model.' },
  PREFIX_CLOSED: { kind: 'unit', meaning: 'A prefix was used after it was closed, or with another scorer.' },
  CAPACITY: {
    kind: 'unit',
    meaning: 'The cache cannot hold what this call needs, even when everything that may go is dropped.',
  },
  QUEUE_FULL: { kind: 'unit', meaning: 'More calls wait than the queue of the native engine holds.' },
  OUT_OF_MEMORY: { kind: 'unit', meaning: 'The device or the machine has too little memory for this model or call.' },
  BACKEND_FAILED: { kind: 'unit', meaning: 'The library that computes failed in a way that has no code of its own.' },
  BACKEND_DIED: { kind: 'run', meaning: 'The process that scores has ended; a new scorer is needed.' },
  BACKEND_MISSING: { kind: 'usage', meaning: 'The library that a backend computes with is not installed.' },
  NATIVE_NOT_BUILT: { kind: 'usage', meaning: 'The native engine is not built on this machine.' },
  NATIVE_TOOLS_MISSING: {
    kind: 'usage',
    meaning: 'CMake, a compiler or a header for building the native engine is missing.',
  },
  NATIVE_BUILD_FAILED: {
    kind: 'run',
    meaning: "The native engine could not be built; the message has the compiler's words.",
  },
  NATIVE_INCOMPATIBLE: { kind: 'run', meaning: 'The native engine was built for another machine or another version.' },
  DEVICE_UNAVAILABLE: {
    kind: 'usage',
    meaning: 'There is no GPU, no driver or one that is too old, or the library for the device is missing.',
  },
  DEVICE_FAILED: { kind: 'unit', meaning: 'A call of the device failed; later calls may succeed.' },
  DEVICE_LOST: { kind: 'run', meaning: 'The device computes nothing any more until a new process is started.' },
  ABORTED: { kind: 'run', meaning: 'Scoring was stopped by a signal.' },
} as const satisfies ErrorTable

export type ScoringErrorCode = keyof typeof scoringErrors

/** Errors of the room `scoring`. After those of the kind `unit` the scorer can be used as before. */
export class ScoringError extends errorClass(scoringErrors) {}

/** Makes an error from the wire form of a backend's process. One without a code was thrown by the library that computes. */
export function reviveScoringError(wire: WireError): RetraceError {
  const { code, message, details, stack } = wire
  if (code !== 'WORKER_FAILED' && !isErrorCode(scoringErrors, code)) return fromWireError(wire)
  const error =
    code === 'WORKER_FAILED'
      ? new ScoringError('BACKEND_FAILED', `The backend could not compute: ${message}. Is there enough memory?`)
      : new ScoringError(code, message, details)
  if (stack !== undefined) error.stack = stack
  return error
}
