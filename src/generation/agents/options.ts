import { z } from 'zod'

/** Options of the agents over a language model, whatever answers for it. */
export const agentOptionsSchema = z.strictObject({
  maxPromptChars: z.int().min(2_500).default(48_000).meta({
    description:
      'Most characters of a prompt, its system text included; about four to a token. What does not fit is left out; below the least, the words of a prompt and what is told in full would be more than that by themselves.',
    unit: 'characters',
  }),
  maxNewTokens: z
    .strictObject({
      overview: z
        .int()
        .positive()
        .default(4_096)
        .meta({ description: 'Requirements, approach, and each batch of the plan.', unit: 'tokens' }),
      thought: z
        .int()
        .positive()
        .default(1_024)
        .meta({ description: 'A thought, a rewrite, and the choice of what to read.', unit: 'tokens' }),
      attempt: z
        .int()
        .positive()
        .default(4_096)
        .meta({ description: 'A first version of a file or of a part of one.', unit: 'tokens' }),
    })
    .prefault({})
    .describe('Most tokens of one answer.'),
  maxThoughtChars: z
    .int()
    .min(80)
    .default(1_500)
    .meta({ description: 'A longer thought is cut at the end of a sentence.', unit: 'characters' }),
  maxAsks: z
    .int()
    .nonnegative()
    .default(2)
    .describe('How many more times it is asked, and told what was wrong, where an answer cannot be used.'),
  fallback: z
    .enum(['narrator', 'reject'])
    .default('narrator')
    .describe(
      "What stands where no answer could be used: the narrator's words, or nothing, and the repository is rejected.",
    ),
  promptsDir: z
    .string()
    .optional()
    .describe('Folder of the prompts, one `ROLE.md` for each role; the shipped ones where it is not given.'),
})
export type AgentOptions = z.infer<typeof agentOptionsSchema>
