import { RetraceError } from '../core/index.js'

export type GenerationErrorCode =
  | 'FILE_UNKNOWN'
  /** The model said nothing, however often it was asked. */
  | 'ANSWER_EMPTY'
  /** What the model said is not what was asked for, however often it was asked. */
  | 'ANSWER_UNUSABLE'
  | 'CONTEXT_TOO_LONG'
  /** The server takes this one request for wrong. */
  | 'REQUEST_REFUSED'
  | 'BUDGET_SPENT'
  | 'ENDPOINT_UNREACHABLE'
  /** The server refuses every call: wrong key, no such model. */
  | 'ENDPOINT_REFUSED'
  | 'API_KEY_MISSING'
  /** This machine cannot make calls, or cannot keep what they bring: no room on the disk, no memory. */
  | 'CALLS_BROKEN'
  | 'PROMPT_INVALID'

export class GenerationError extends RetraceError<GenerationErrorCode> {}
