import { z } from 'zod'
import { faultKinds } from './debugging/faults/fault-table.js'

const share = z.number().min(0).max(1)

export const synthesisOptionsSchema = z.strictObject({
  maxActionBytes: z.int().min(256).default(12_000).meta({
    description: 'A file longer than this is written in several actions, cut where declarations begin.',
    unit: 'bytes',
  }),
  maxReadsPerFile: z
    .int()
    .nonnegative()
    .default(8)
    .describe(
      'Most files that an agent reads before it writes its own; those that it takes most names from come first.',
    ),
  maxReadBytes: z.int().min(64).default(4_000).meta({
    description: 'Most bytes that one Read shows. Of a longer file it shows the declarations of the imported names.',
    unit: 'bytes',
  }),
  showCode: z
    .boolean()
    .default(false)
    .describe('Whether the generator of a thought sees the code that follows it; otherwise it sees only outlines.'),
  debugging: z
    .strictObject({
      share: share
        .default(0.1)
        .describe('Share of the source files that get one; files in which no check would fail are left as they are.'),
      attemptShare: share
        .default(0.5)
        .describe(
          "Share of these that begin with the generator's own attempt, if it makes one; a fault is put into the others.",
        ),
      kinds: z
        .array(z.enum(faultKinds))
        .min(1)
        .default([...faultKinds])
        .describe('Kinds of fault that may be put in.'),
    })
    .prefault({})
    .describe('Episodes with a first version that is wrong, a check that fails, and the mending of it.'),
  domain: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .default('trajectories')
    .describe('Mixture component of the documents.'),
})

export type SynthesisOptions = z.infer<typeof synthesisOptionsSchema>
