import { z } from 'zod'
import { digestSchema } from '../core/index.js'

export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** Tokens as the server counts them. */
const usageSchema = z.strictObject({
  promptTokens: z.int().nonnegative(),
  completionTokens: z.int().nonnegative(),
})
export type Usage = z.infer<typeof usageSchema>

/** A call of a language model, whole: record of the call cache, and a blob of every run that used it. */
export const callSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Digest of `request`: the same request is never paid twice. */
  key: digestSchema,
  /** The body that was sent: model, messages, sampling parameters, seed, answer format. */
  request: z.record(z.string(), z.unknown()),
  /** The body of the answer, unchanged. */
  response: z.unknown(),
  text: z.string(),
  finishReason: z.enum(['stop', 'length', 'other']),
  usage: usageSchema,
})
export type Call = z.infer<typeof callSchema>

/** A line of a run's ledger: a call was sent whose answer has one of these keys, or it failed and is not paid. */
export const ledgerSendSchema = z.union([
  z.strictObject({ sent: z.array(digestSchema) }),
  z.strictObject({ unpaid: z.array(digestSchema) }),
])

/** A line of a run's ledger: one call that the run used. It is there once, however often the run was started. */
export const ledgerRowSchema = z.strictObject({
  key: digestSchema,
  /** Repository, role and file of the call. */
  unit: z.string(),
  role: z.string(),
  path: z.string(),
  /** Whether this run paid for the call; else it was in the cache. */
  paid: z.boolean(),
  usage: usageSchema,
  /** What went wrong before the answer came, by kind: `429`, `500`, `connection`, `timeout`, `body`, `empty`. */
  failures: z.record(z.string(), z.int()),
})
export type LedgerRow = z.infer<typeof ledgerRowSchema>
