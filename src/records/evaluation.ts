import { z } from 'zod'

const ids = z.array(z.int().nonnegative())

/** Is the right continuation the likeliest of several? A needle in code, by log-likelihood. */
const choiceTaskSchema = z.strictObject({
  kind: z.literal('choice'),
  id: z.string(),
  /** Tokens of the context that this task stands for, and where in it the needle is: 0 first, 1 last. */
  length: z.int().positive(),
  depth: z.number().min(0).max(1),
  context: ids,
  choices: z.array(ids).min(2),
  /** Index of the right choice. */
  answer: z.int().nonnegative(),
})
export type ChoiceTask = z.infer<typeof choiceTaskSchema>

/** The next lines of a file, its repository as context. */
const completionTaskSchema = z.strictObject({
  kind: z.literal('completion'),
  id: z.string(),
  repository: z.string(),
  path: z.string(),
  context: ids,
  /** The lines as they stand in the file, without the last line end. */
  target: z.string(),
  lines: z.int().positive(),
  maxNewTokens: z.int().positive(),
})
export type CompletionTask = z.infer<typeof completionTaskSchema>

/** A line of the file of tasks that evaluation reads. */
export const evaluationTaskSchema = z.discriminatedUnion('kind', [choiceTaskSchema, completionTaskSchema])
export type EvaluationTask = z.infer<typeof evaluationTaskSchema>

/** Log-likelihood of the labelled tokens of some rows. Nats; bytes are those of the labelled tokens as text. */
const likelihoodSchema = z.strictObject({
  tokens: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** Negative log-likelihood, summed. */
  nll: z.number(),
  /** nll / tokens, and nll / ln 2 / bytes; null where nothing is labelled. */
  nllPerToken: z.number().nullable(),
  bitsPerByte: z.number().nullable(),
})
export type Likelihood = z.infer<typeof likelihoodSchema>

const heldOutResultSchema = z.strictObject({
  all: likelihoodSchema,
  domains: z.record(z.string(), likelihoodSchema),
  /** By position in the document, in tokens `[from, to)`. */
  positions: z.array(z.strictObject({ from: z.int(), to: z.int(), likelihood: likelihoodSchema })),
  /** Documents longer than the positions that the model claims, and their tokens; not scored, never cut. */
  tooLong: z.strictObject({ documents: z.int(), tokens: z.int() }),
})

const needleResultSchema = z.strictObject({
  /** Tasks that were scored. Without any, the means are null, here and in a cell. */
  tasks: z.int(),
  /** Tasks that do not fit the positions that the model claims; not scored, never cut. */
  tooLong: z.int(),
  /** Share of tasks whose right choice is the likeliest by the sum of its log-probabilities; all choices are as long. */
  accuracy: z.number().nullable(),
  /** Accuracy of guessing. */
  chance: z.number().nullable(),
  cells: z.array(
    z.strictObject({
      length: z.int(),
      depth: z.number(),
      tasks: z.int(),
      tooLong: z.int(),
      accuracy: z.number().nullable(),
      /** Mean over tasks of log p(right) - log p(best wrong), nats. */
      margin: z.number().nullable(),
    }),
  ),
})

const completionScoresSchema = z.strictObject({
  /** Tasks that were completed. Without any, the means are null. */
  tasks: z.int(),
  /** Tasks whose context and new tokens do not fit the positions that the model claims; not completed, never cut. */
  tooLong: z.int(),
  /** Share of tasks whose lines come out exactly, white space at line ends aside. */
  exactMatch: z.number().nullable(),
  /** Mean of 1 - Levenshtein distance / longer length, in characters, white space at line ends aside. */
  editSimilarity: z.number().nullable(),
})

const completionResultSchema = completionScoresSchema.extend({
  repositories: z.record(z.string(), completionScoresSchema),
})

/** The answer of the scripts: one JSON object with a key for each offline suite that was asked for. */
export const offlineResultsSchema = z.strictObject({
  /** `[name of the shards given, result]`. */
  heldOut: z.record(z.string(), heldOutResultSchema).optional(),
  needle: needleResultSchema.optional(),
  completion: completionResultSchema.optional(),
})
export type OfflineResults = z.infer<typeof offlineResultsSchema>
