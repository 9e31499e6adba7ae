import { z } from 'zod'

/**
 * What the loss sees, a line per origin of a segment; an ablation flips a line by config.
 *
 * `actionBorder` is the exception among templates: the tokens that open and close an action, so that a model learns
 * to begin an action and to end its turn.
 */
export const masksSchema = z.strictObject({
  requirement: z.boolean().default(true),
  plan: z.boolean().default(true),
  thought: z.boolean().default(true),
  action: z.boolean().default(true),
  observation: z.boolean().default(false),
  draft: z.boolean().default(false),
  template: z.boolean().default(false),
  actionBorder: z.boolean().default(true),
})
export type Masks = z.infer<typeof masksSchema>

export const defaultMasks: Masks = masksSchema.parse({})
