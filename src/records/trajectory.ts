import { z } from 'zod'
import { blobSpanSchema, digestSchema } from '../core/index.js'
import { actionSchema, toolDefinitionSchema } from '../tools/index.js'

/**
 * A thought in words, and the ids of the facts that it was made of where the narrator wrote it. `call` is the blob
 * with the raw request and answer where a language model wrote it.
 */
export const thoughtSchema = z.strictObject({
  text: z.string().min(1),
  facts: z.array(z.string()),
  call: digestSchema.optional(),
})
export type Thought = z.infer<typeof thoughtSchema>

/** One turn of an agent: what it thinks (or nothing), what it does, and what it sees (where the tool shows something). */
const stepSchema = z.strictObject({
  thought: thoughtSchema.nullable(),
  action: actionSchema,
  observation: blobSpanSchema.nullable(),
})
export type Step = z.infer<typeof stepSchema>

/** A file whose first version is wrong: the model's own attempt, or a fault that was put in on purpose. */
const debuggingSchema = z.strictObject({
  kind: z.enum(['fault', 'attempt']),
  /** The kind of fault, and in words what was changed where; empty for an attempt. */
  fault: z.string(),
  detail: z.string(),
  /** The call that wrote an attempt. */
  call: digestSchema.optional(),
})

/** What a file agent did for its file. */
const episodeSchema = z.strictObject({
  path: z.string(),
  /** Blob with the raw call that chose what to read, also where it chose nothing; thoughts keep their own. */
  readsCall: digestSchema.optional(),
  steps: z.array(stepSchema).min(1),
  debugging: debuggingSchema.optional(),
})
export type Episode = z.infer<typeof episodeSchema>

const planEntrySchema = z.strictObject({ path: z.string(), purpose: z.string() })

/** Repairs of a plan until it named each file once, in an order that respects the dependencies. */
const planRepairsSchema = z.strictObject({
  /** How often the writer was asked again. */
  askedAgain: z.int().nonnegative(),
  /** Missing files that code added in the end; their purpose comes from their outline. */
  added: z.array(z.string()),
  /** Entries that name no file of the repository, or a file a second time. */
  dropped: z.array(z.string()),
  /** Files that were moved after what they depend on. */
  moved: z.array(z.string()),
})

/** What wrote the texts: enough to write them again. */
export const generatorInfoSchema = z.strictObject({
  kind: z.string(),
  version: z.string(),
  /** The model's name as the server knows it; empty where no model wrote. */
  model: z.string(),
  /** Sampling parameters of every call. */
  parameters: z.record(z.string(), z.unknown()),
  /** System prompts by role, with their versions. */
  prompts: z.array(z.strictObject({ role: z.string(), version: z.int(), system: z.string() })),
})
export type GeneratorInfo = z.infer<typeof generatorInfoSchema>

/** The process that ends in the repository: record out of `synthesis` and of `cot-search`, record into `packing`. */
export const trajectorySchema = z.strictObject({
  schemaVersion: z.literal(2),
  /** The id of the snapshot. */
  id: z.string(),
  name: z.string(),
  /** Mixture component that the packed rows carry. */
  domain: z.string(),
  snapshot: digestSchema,
  generator: generatorInfoSchema,
  /** What an agent can do in this trajectory. */
  tools: z.array(toolDefinitionSchema),
  requirements: z.string(),
  plan: z.strictObject({
    /** The order of work and why, in prose. */
    approach: z.string(),
    /** Exactly the files that get written, in order of writing. */
    files: z.array(planEntrySchema),
    repairs: planRepairsSchema,
    /** Blobs with the raw calls that requirements and plan came from, in order. */
    calls: z.array(digestSchema),
  }),
  episodes: z.array(episodeSchema),
})
export type Trajectory = z.infer<typeof trajectorySchema>
