import { z } from 'zod'
import { thoughtSchema } from './trajectory.js'

/** Nats over the scored code tokens: the sum, and the mean over its tokens. */
const scoreSchema = z.strictObject({ sum: z.number(), mean: z.number() })

/** How much of the unseen code a thought gives away; see `cot-search`. */
const leakSchema = z.strictObject({
  /** Longest run of characters that thought and code share, outside what the context already shows. */
  longestCommonChars: z.int(),
  /** Share in `[0, 1]` of the thought's word n-grams that stand in the code and not in what the context shows. */
  containment: z.number(),
})
export type Leak = z.infer<typeof leakSchema>

const candidateSchema = z.strictObject({
  /** `none`: no thought. `other`: another file's thought, the control. `first`: as synthesis wrote it. */
  role: z.enum(['none', 'other', 'first', 'candidate']),
  /** 0 for what is scored before the rounds. */
  round: z.int().nonnegative(),
  thought: thoughtSchema.nullable(),
  thoughtTokens: z.int().nonnegative(),
  /** `null` where a gate stopped it before it was scored. */
  score: scoreSchema.nullable(),
  leak: leakSchema.nullable(),
  accepted: z.boolean(),
  /** Why: what it is scored for, or the gate that let it through or stopped it. `outdone`: passed, another gained more. */
  decision: z.enum(['baseline', 'control', 'start', 'gain', 'no-gain', 'outdone', 'leak', 'too-long']),
})
export type Candidate = z.infer<typeof candidateSchema>

/** What the search did at one thought: record of `cot-search`, one row as soon as it is decided. */
export const searchRowSchema = z.strictObject({
  trajectory: z.string(),
  /** Position in `trajectory.episodes` and in the episode's `steps`. */
  episode: z.int().nonnegative(),
  step: z.int().nonnegative(),
  path: z.string(),
  outcome: z.enum(['searched', 'too-long']),
  /** What of the document the scorer saw before the branch, in tokens. */
  view: z.strictObject({
    header: z.enum(['whole', 'requirements', 'none']),
    /** Flat index of the first step in view, counted over all steps of the trajectory. */
    firstStep: z.int().nonnegative(),
    prefixTokens: z.int().nonnegative(),
  }),
  /** Tokens of code that were scored, and their UTF-8 bytes. */
  targetTokens: z.int().nonnegative(),
  targetBytes: z.int().nonnegative(),
  candidates: z.array(candidateSchema),
  /** Index in `candidates` of the thought that the trajectory keeps; -1 where nothing was scored. */
  chosen: z.int(),
})
export type SearchRow = z.infer<typeof searchRowSchema>
