import { z } from 'zod'

/** Options of the agents that ask a language model, whichever client they use. */
export const agentOptionsSchema = z.strictObject({
  maxPromptChars: z.int().min(2_500).default(48_000).meta({
    description:
      'Most characters of a prompt, its system text included; a token is about four of them. Facts that do not fit are shortened or left out, the least needed first.',
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
  maxThoughtChars: z.int().min(80).default(1_500).meta({
    description: 'Most characters of a thought; a longer one is cut at the end of a sentence.',
    unit: 'characters',
  }),
  maxAsks: z
    .int()
    .nonnegative()
    .default(2)
    .describe('How many more times the model is asked, with what was wrong, if an answer cannot be used.'),
  fallback: z
    .enum(['narrator', 'reject'])
    .default('narrator')
    .describe(
      'If no answer can be used: `narrator` lets the narrator write the text, `reject` rejects the repository.',
    ),
  promptsDir: z
    .string()
    .optional()
    .describe('Folder of the prompts, with one `ROLE.md` for each role; by default the shipped prompts.'),
})
export type AgentOptions = z.infer<typeof agentOptionsSchema>
