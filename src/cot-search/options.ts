import { z } from 'zod'
import { selectorNames } from './selectors/table.js'

export const searchOptionsSchema = z.strictObject({
  /** The paper's preset is 3 rounds of 2 candidates. */
  rounds: z.int().nonnegative().default(3),
  candidates: z.int().positive().default(2),
  /** Which rewrite of a round is accepted. */
  selector: z.enum(selectorNames).default('greedy'),
  /** A gain counts above this many times the measured noise of a mean log-probability. */
  noiseFactor: z.number().nonnegative().default(4),
  /** Least gain in nats per code token, whatever the noise. */
  minGain: z.number().nonnegative().default(0.0005),
  /** Most tokens of a thought. */
  maxThoughtTokens: z.int().positive().default(320),
  /** Most tokens by which a thought may grow in one round. */
  maxGrowthTokens: z.int().positive().default(96),
  leak: z
    .strictObject({
      /** Longest run of characters that a thought may share with the unseen code. */
      maxCommonChars: z.int().positive().default(80),
      /** Largest share of a thought's word n-grams that may occur in the unseen code. */
      maxContainment: z.number().min(0).max(1).default(0.3),
      /** Words in an n-gram. */
      ngramWords: z.int().positive().default(4),
    })
    .prefault({}),
  /** The scorer sees the whole header while it takes no more than this share of the context. */
  maxHeaderShare: z.number().min(0).max(0.5).default(0.3),
})

export type SearchOptions = z.infer<typeof searchOptionsSchema>
