/**
 * An error that a program can decide on by `code` and a person can act on by `message`.
 *
 * The message says what happened, to which record, what was expected and found, and the next step.
 * Each room has one subclass with a closed union of codes.
 */
export class RetraceError<Code extends string = string> extends Error {
  readonly code: Code
  readonly details: Record<string, unknown>

  constructor(code: Code, message: string, details: Record<string, unknown> = {}, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.details = details
  }
}

export type CoreErrorCode =
  | 'INPUT_NOT_FOUND'
  | 'INPUT_INVALID'
  | 'CONFIG_INVALID'
  | 'OUT_NOT_A_RUN'
  | 'RUN_BUSY'
  | 'RUN_MISMATCH'
  | 'RUN_INCOMPLETE'
  | 'RECORD_INVALID'
  | 'BUDGET_SPENT'
  | 'WORKER_FAILED'
  | 'ABORTED'

/** Errors of the room `core`: inputs, config, the run store and the worker pool. */
export class CoreError extends RetraceError<CoreErrorCode> {}

/** The plain form in which an error crosses a thread or a process; structured clone would drop its class and code. */
export interface WireError {
  code: string
  message: string
  details: Record<string, unknown>
  stack?: string | undefined
}

export function toWireError(error: unknown): WireError {
  if (error instanceof RetraceError) {
    return { code: error.code, message: error.message, details: error.details, stack: error.stack }
  }
  const plain = error instanceof Error ? error : new Error(String(error))
  return { code: 'WORKER_FAILED', message: plain.message, details: {}, stack: plain.stack }
}

/** Makes an error again of its wire form; the class is the plain `RetraceError`, the code is kept. */
export function fromWireError(wire: WireError): RetraceError {
  const error = new RetraceError(wire.code, wire.message, wire.details)
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}
