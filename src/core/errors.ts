/**
 * What an error ends, the same for every error of one code:
 *
 * - `usage`: what was asked for is wrong or something that it needs is missing. The command line exits with 2.
 * - `unit`: one repository, row, request or call failed. The others go on, and the reason is kept.
 * - `run`: every other unit would fail in the same way, or nothing may go on. The command line exits with 1.
 */
export type ErrorKind = 'usage' | 'unit' | 'run'

/** One code: its kind, and one sentence for people, from which docs/errors.md is generated. */
interface ErrorFacts {
  readonly kind: ErrorKind
  readonly meaning: string
}

/** All codes of one room. */
export type ErrorTable<Code extends string = string> = Readonly<Record<Code, ErrorFacts>>

/**
 * An error that a program can decide on by `code` or `kind` and a person can act on by `message`.
 *
 * The message says what happened, to which record, what was expected and found, and the next step.
 * Each room has one table of codes and one subclass made from it by `errorClass`.
 */
export class RetraceError extends Error {
  readonly code: string
  readonly kind: ErrorKind
  readonly details: Record<string, unknown>

  constructor(
    code: string,
    kind: ErrorKind,
    message: string,
    details: Record<string, unknown> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.kind = kind
    this.details = details
  }
}

type ErrorClass<Code extends string> = new (
  code: Code,
  message: string,
  details?: Record<string, unknown>,
  options?: { cause?: unknown },
) => RetraceError & { readonly code: Code }

/** The base class of a room's errors: takes the codes of its table, and the kind from there. */
export function errorClass<Code extends string>(table: ErrorTable<Code>): ErrorClass<Code> {
  return class extends RetraceError {
    declare readonly code: Code

    constructor(code: Code, message: string, details?: Record<string, unknown>, options?: { cause?: unknown }) {
      super(code, table[code].kind, message, details, options)
    }
  }
}

/** Whether a code that came from another process stands in a room's table. */
export function isErrorCode<Code extends string>(table: ErrorTable<Code>, code: string): code is Code {
  return Object.hasOwn(table, code)
}

export const coreErrors = {
  INPUT_NOT_FOUND: { kind: 'usage', meaning: 'A file or folder that was named does not exist or cannot be read.' },
  INPUT_INVALID: { kind: 'unit', meaning: 'An input was read, and nothing can be made of what it holds.' },
  CONFIG_INVALID: {
    kind: 'usage',
    meaning: 'A config key or an argument is unknown or has a value that is not allowed.',
  },
  NODE_TOO_OLD: { kind: 'usage', meaning: 'This version of Node.js is older than retrace needs.' },
  OUT_NOT_A_RUN: { kind: 'usage', meaning: 'The output folder holds other things than this command writes.' },
  RUN_BUSY: { kind: 'run', meaning: 'Another process works in the same folder.' },
  RUN_MISMATCH: { kind: 'usage', meaning: 'The folder belongs to work that was begun with other inputs or options.' },
  RUN_INCOMPLETE: { kind: 'unit', meaning: 'A run has not come as far as this needs; run it to its end first.' },
  RECORD_INVALID: { kind: 'unit', meaning: 'A record or blob of a run is missing, was changed or has another form.' },
  DISK_TOO_SMALL: {
    kind: 'usage',
    meaning: 'The disk of the output folder has too little room for a run of these inputs.',
  },
  BUDGET_SPENT: {
    kind: 'run',
    meaning: 'The budget for calls of a language model was spent before anything was whole.',
  },
  WORKER_FAILED: { kind: 'unit', meaning: 'A worker thread or process failed in a way that has no code of its own.' },
  ABORTED: { kind: 'run', meaning: 'The work was stopped by a signal; the same command goes on from there.' },
} as const satisfies ErrorTable

/** Errors of the room `core`: inputs, config, the run store and the worker pool. */
export class CoreError extends errorClass(coreErrors) {}

/** The plain form in which an error crosses a thread or a process; structured clone would drop its class and fields. */
export interface WireError {
  code: string
  kind: ErrorKind
  message: string
  details: Record<string, unknown>
  stack?: string | undefined
}

export function toWireError(error: unknown): WireError {
  if (error instanceof RetraceError) {
    return { code: error.code, kind: error.kind, message: error.message, details: error.details, stack: error.stack }
  }
  const plain = error instanceof Error ? error : new Error(String(error))
  const { kind } = coreErrors.WORKER_FAILED
  return { code: 'WORKER_FAILED', kind, message: plain.message, details: {}, stack: plain.stack }
}

/** Makes an error from its wire form; its class is the plain `RetraceError`, code and kind are kept. */
export function fromWireError(wire: WireError): RetraceError {
  const error = new RetraceError(wire.code, wire.kind, wire.message, wire.details)
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}
