import { z } from 'zod'
import { faultKinds } from './debugging/faults/fault-table.js'

const share = z.number().min(0).max(1)

export const synthesisOptionsSchema = z.strictObject({
  /** A file longer than this is written in several actions, cut where declarations begin. */
  maxActionBytes: z.int().min(256).default(12_000),
  /** Most files that an agent reads before it writes its own; those that it takes most names from. */
  maxReadsPerFile: z.int().nonnegative().default(8),
  /** Most bytes that one Read shows; a longer file is shown where the imported names are declared. */
  maxReadBytes: z.int().min(64).default(4_000),
  /** Whether who thinks may see the code that a thought leads to; without it, outlines and signatures alone. */
  showCode: z.boolean().default(false),
  /** Episodes with a first version that is wrong, a check that fails, and the mending of it. */
  debugging: z
    .strictObject({
      /** Of the source files; those in which no check would fail are left as they are. */
      share: share.default(0.1),
      /** Of these, how many begin with the writer's own attempt, where it makes one; the others with a fault put in. */
      attemptShare: share.default(0.5),
      /** Kinds of fault that may be put in. */
      kinds: z
        .array(z.enum(faultKinds))
        .min(1)
        .default([...faultKinds]),
    })
    .prefault({}),
  /** Mixture component of the documents. */
  domain: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .default('trajectories'),
})

export type SynthesisOptions = z.infer<typeof synthesisOptionsSchema>
