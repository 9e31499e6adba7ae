import { z } from 'zod'
import { blobSpanSchema, digestSchema } from './span.js'

/** A thought in words, and the ids of the facts it was made of where its writer works from facts. */
export const thoughtSchema = z.strictObject({ text: z.string().min(1), facts: z.array(z.string()) })
export type Thought = z.infer<typeof thoughtSchema>

const byte = z.int().nonnegative()
const line = z.int().positive()

export const actionSchema = z.discriminatedUnion('tool', [
  /** Shows bytes `[start, end)` of a file that was written before; `startLine` is the 1-based line of `start`. */
  z.strictObject({ tool: z.literal('Read'), path: z.string(), start: byte, end: byte, startLine: line }),
  /** Makes a file with this content. */
  z.strictObject({ tool: z.literal('Write'), path: z.string(), content: blobSpanSchema }),
  /** Puts content in the place of bytes `[start, end)` of the file as it is then; `start === end` inserts. */
  z.strictObject({
    tool: z.literal('Edit'),
    path: z.string(),
    start: byte,
    end: byte,
    startLine: line,
    content: blobSpanSchema,
  }),
])
export type Action = z.infer<typeof actionSchema>

/** One turn of an agent: what it thinks (or nothing), what it does, and what it sees (for a Read). */
export const stepSchema = z.strictObject({
  thought: thoughtSchema.nullable(),
  action: actionSchema,
  observation: blobSpanSchema.nullable(),
})
export type Step = z.infer<typeof stepSchema>

/** What a file agent did for its file. */
export const episodeSchema = z.strictObject({ path: z.string(), steps: z.array(stepSchema).min(1) })
export type Episode = z.infer<typeof episodeSchema>

export const planEntrySchema = z.strictObject({ path: z.string(), purpose: z.string() })

/** The process that ends in the repository: record out of `synthesis` and of `cot-search`, record into `packing`. */
export const trajectorySchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** The id of the snapshot. */
  id: z.string(),
  name: z.string(),
  /** Mixture component that the packed rows carry. */
  domain: z.string(),
  snapshot: digestSchema,
  /** Who wrote the words. */
  generator: z.strictObject({ kind: z.string(), version: z.string() }),
  requirements: z.string(),
  plan: z.strictObject({
    /** The order of work and why, in prose. */
    approach: z.string(),
    /** Exactly the files that get written, in order of writing. */
    files: z.array(planEntrySchema),
  }),
  episodes: z.array(episodeSchema),
})
export type Trajectory = z.infer<typeof trajectorySchema>
