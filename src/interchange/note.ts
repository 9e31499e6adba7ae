import { z } from 'zod'

/**
 * What packing has to know beside the format's own keys: the key `retrace` of a message (OpenAI) or of a step's `extra`
 * (ATIF). Who does not know it reads the same messages. A draft has OpenAI's `weight: 0` besides; ATIF has no key that
 * says so, since a draft is not copied.
 */
export const noteSchema = z.object({
  /** `false`: a prompt that the agent had before it, and that is not packed. */
  packed: z.boolean().nullish(),
  /** The message is the plan; so many characters (code points) of it stand before the list of files. */
  plan: z.int().nonnegative().nullish(),
  /** What the call writes is a first version that is wrong; the thought and the call's line are trained all the same. */
  draft: z.boolean().nullish(),
  /** The steps of the embedded trajectory stand in the place of this one. */
  delegated: z.boolean().nullish(),
})
export type Note = z.infer<typeof noteSchema>
