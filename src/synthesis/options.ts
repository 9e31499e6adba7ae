import { z } from 'zod'

export const synthesisOptionsSchema = z.strictObject({
  /** A file longer than this is written in several actions, cut where declarations begin. */
  maxActionBytes: z.int().min(256).default(12_000),
  /** Most files that an agent reads before it writes its own; those that it takes most names from. */
  maxReadsPerFile: z.int().nonnegative().default(8),
  /** Most bytes that one Read shows; a longer file is shown where the imported names are declared. */
  maxReadBytes: z.int().min(64).default(4_000),
  /** Mixture component of the documents. */
  domain: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .default('trajectories'),
})

export type SynthesisOptions = z.infer<typeof synthesisOptionsSchema>
