import { z } from 'zod'
import { faultKinds } from './debugging/faults/fault-table.js'

const share = z.number().min(0).max(1)

export const synthesisOptionsSchema = z.strictObject({
  /** A file longer than this is written in several actions, cut where declarations begin. */
  maxActionBytes: z.int().min(256).default(12_000),
  /** Most files that an agent reads before it writes its own. */
  maxReadsPerFile: z.int().nonnegative().default(8),
  /** Most bytes that one Read shows. Of a longer file it shows the declarations of the imported names. */
  maxReadBytes: z.int().min(64).default(4_000),
  /** Whether the generator of a thought sees the code that follows it; otherwise it sees only outlines. */
  showCode: z.boolean().default(false),
  /** Debugging episodes: a first version that is wrong, a check that fails, and a fix. */
  debugging: z
    .strictObject({
      /** Share of the source files that get one; files in which no check would fail get none. */
      share: share.default(0.1),
      /** Share of them that begin with the generator's own attempt, if it makes one; a fault is put into the others. */
      attemptShare: share.default(0.5),
      /** Kinds of fault that may be put in: the keys of the table in debugging/faults/fault-table.ts. */
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
