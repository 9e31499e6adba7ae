import { z } from 'zod'

/** Options of the agents over a language model, whatever answers for it. */
export const agentOptionsSchema = z.strictObject({
  /**
   * Most characters of a prompt, its system text included; about four to a token. What does not fit is left out; below
   * the least, the words of a prompt and what is told in full would be more than that by themselves.
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
  /** A longer thought is cut at the end of a sentence. */
  maxThoughtChars: z.int().min(80).default(1_500),
  /** How many more times it is asked, and told what was wrong, where an answer cannot be used. */
  maxAsks: z.int().nonnegative().default(2),
  /** What stands where no answer could be used: the narrator's words, or nothing, and the repository is rejected. */
  fallback: z.enum(['narrator', 'reject']).default('narrator'),
  /** Folder of the prompts, one `ROLE.md` for each role; the shipped ones where it is not given. */
  promptsDir: z.string().optional(),
})
export type AgentOptions = z.infer<typeof agentOptionsSchema>
