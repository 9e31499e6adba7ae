import { z } from 'zod'
import { selectorNames } from './selectors/table.js'

export const searchOptionsSchema = z.strictObject({
  rounds: z
    .int()
    .nonnegative()
    .default(3)
    .describe("Rounds of rewriting. The paper's preset is 3 rounds of 2 candidates."),
  candidates: z.int().positive().default(2).describe('Rewrites that are proposed in each round.'),
  selector: z.enum(selectorNames).default('greedy').describe('Which rewrite of a round is accepted.'),
  noiseFactor: z
    .number()
    .nonnegative()
    .default(4)
    .describe('A gain counts above this many times the measured noise of a mean log-probability.'),
  minGain: z
    .number()
    .nonnegative()
    .default(0.0005)
    .meta({ description: 'Least gain in nats per code token, whatever the noise.', unit: 'nats per token' }),
  maxThoughtTokens: z.int().positive().default(320).meta({ description: 'Most tokens of a thought.', unit: 'tokens' }),
  maxGrowthTokens: z
    .int()
    .positive()
    .default(96)
    .meta({ description: 'Most tokens by which a thought may grow in one round.', unit: 'tokens' }),
  leak: z
    .strictObject({
      maxCommonChars: z.int().positive().default(80).meta({
        description: 'Longest run of characters that a thought may share with the unseen code.',
        unit: 'characters',
      }),
      maxContainment: z
        .number()
        .min(0)
        .max(1)
        .default(0.3)
        .describe("Largest share of a thought's word n-grams that may occur in the unseen code."),
      ngramWords: z.int().positive().default(4).describe('Words in an n-gram.'),
    })
    .prefault({})
    .describe('How much of the code that follows a thought may repeat.'),
  maxHeaderShare: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.3)
    .describe('The scorer sees the whole header while it takes no more than this share of the context.'),
})

export type SearchOptions = z.infer<typeof searchOptionsSchema>
