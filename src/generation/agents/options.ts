import { z } from 'zod'

/** Options of the agents that ask a language model, whichever client they use. */
export const agentOptionsSchema = z.strictObject({
  /**
   * Most characters of a prompt, its system text included; a token is about four of them. Facts that do not fit are
   * shortened. With less than the minimum, the fixed text of a prompt alone would not fit.
   */
  maxPromptChars: z.int().min(2_500).default(48_000),
  /** Most tokens of one answer. */
  maxNewTokens: z
    .strictObject({
      /** Requirements, approach, and each batch of the plan. */
      overview: z.int().positive().default(4_096),
      /** A thought, a rewrite, and the choice of what to read. */
      thought: z.int().positive().default(1_024),
      /** A first version of a file or of a part of one. */
      attempt: z.int().positive().default(4_096),
    })
    .prefault({}),
  /** Most characters of a thought; a longer one is cut at the end of a sentence. */
  maxThoughtChars: z.int().min(80).default(1_500),
  /** How many more times the model is asked, with what was wrong, if an answer cannot be used. */
  maxAsks: z.int().nonnegative().default(2),
  /** If no answer can be used: `narrator` lets the narrator write the text, `reject` rejects the repository. */
  fallback: z.enum(['narrator', 'reject']).default('narrator'),
  /** Folder of the prompts, with one `ROLE.md` for each role; by default the shipped prompts. */
  promptsDir: z.string().optional(),
})
export type AgentOptions = z.infer<typeof agentOptionsSchema>
