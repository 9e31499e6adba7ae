import type { RejectReason } from '../errors.js'

/** One row of a file, counted from 1 (in text: its line), or why nothing can be read of it. */
export type Row = { line: number; value: unknown } | { line: number; reason: RejectReason; message: string }
