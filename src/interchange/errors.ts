import { errorClass, type ErrorTable } from '../core/index.js'

export const interchangeErrors = {
  FILE_INVALID: { kind: 'run', meaning: 'A file to import cannot be read as JSON Lines, JSON or Parquet.' },
  ROW_REJECTED: { kind: 'unit', meaning: 'A row of an imported file is no conversation to learn from.' },
} as const satisfies ErrorTable

/** Errors of the room `interchange`: a file that cannot be read, and (caught in this room) a row of one. */
export class InterchangeError extends errorClass(interchangeErrors) {}

/** Why a row of a file became no conversation. */
export type RejectReason =
  /** Longer than `maxRowBytes`. */
  | 'too-long'
  /** No UTF-8, no JSON, or nested too deep to be walked. */
  | 'unreadable'
  /** Neither a row of messages nor an ATIF trajectory. */
  | 'unknown-form'
  /** A key is missing or has another type than the format says. */
  | 'invalid'
  /** An image, a sound or another thing that no tokenizer takes. */
  | 'content-not-text'
  /** No agent says or does anything. */
  | 'nothing-to-learn'

/** Leaves a row with its reason; `conversationsOfRow` turns it into a value. */
export function rejectRow(reason: RejectReason, message: string): never {
  throw new InterchangeError('ROW_REJECTED', message, { reason })
}
