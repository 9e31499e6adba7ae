import { z } from 'zod'
import { offlineResultsSchema } from './evaluation.js'
import { digestSchema } from '../core/index.js'

/** Results of one suite: the offline suites have a form of their own, outside suites have figures by name. */
const suiteResultsSchema = offlineResultsSchema.extend({
  /** In percent, as the paper has them. */
  figures: z.record(z.string(), z.number()).optional(),
})
export type SuiteResults = z.infer<typeof suiteResultsSchema>

/** The outcome of one suite with one model. */
const suiteOutcomeSchema = z.union([
  z.strictObject({
    /** When it ended, as ISO 8601 in UTC. */
    ranAt: z.string(),
    seconds: z.number().nonnegative(),
    /** SHA-256 of the file of tasks; equal where two models answered the same tasks. Absent where there is no such file. */
    tasks: digestSchema.optional(),
    results: suiteResultsSchema,
  }),
  z.strictObject({
    /** Why it did not run. */
    skipped: z.string(),
    /** Shell commands that would run it, one a line. */
    commands: z.array(z.string()),
  }),
])
export type SuiteOutcome = z.infer<typeof suiteOutcomeSchema>

const evaluatedModelSchema = z.strictObject({
  /** Name in a table. */
  name: z.string(),
  folder: z.string(),
  /** Of config, tokenizer and weights: results of other weights are never taken for results of this model. */
  digest: digestSchema,
  contextLength: z.int().positive(),
  suites: z.record(z.string(), suiteOutcomeSchema),
})
export type EvaluatedModel = z.infer<typeof evaluatedModelSchema>

/** Results of checkpoints: written after each suite, so that a stopped evaluation goes on from there. */
export const evaluationReportSchema = z.strictObject({
  schemaVersion: z.literal(1),
  retraceVersion: z.string(),
  /** The run whose repositories the offline suites are made of, and a digest of what they are made of. */
  data: z.strictObject({ folder: z.string(), digest: digestSchema }).nullable(),
  /** Most tasks of a suite that were asked for; `null`: each suite's own number. */
  limit: z.int().positive().nullable(),
  models: z.array(evaluatedModelSchema),
})
export type EvaluationReport = z.infer<typeof evaluationReportSchema>
