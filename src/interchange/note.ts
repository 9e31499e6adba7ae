import { z } from 'zod'

/**
 * What packing has to know besides the format's own keys: the key `retrace` of a message (OpenAI) or of a step's `extra`
 * (ATIF). Programs that do not know the key read the same messages. A draft also has OpenAI's `weight: 0`; ATIF has no
 * key for it, since its `is_copied_context` does not apply to a draft.
 */
export const noteSchema = z.object({
  /** `false`: a prompt of the agent, which is not packed. */
  packed: z.boolean().nullish(),
  /** The message is the plan, with this many characters (code points) before the list of files. */
  plan: z.int().nonnegative().nullish(),
  /** The call writes a first version that is wrong. The thought and the call's line are trained nevertheless. */
  draft: z.boolean().nullish(),
  /** The steps of the embedded trajectory take the place of this step. */
  delegated: z.boolean().nullish(),
})
export type Note = z.infer<typeof noteSchema>
