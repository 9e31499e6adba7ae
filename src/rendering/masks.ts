import { z } from 'zod'

/**
 * What the loss sees, a line per origin of a segment; an ablation flips a line by config.
 *
 * `actionBorder` is the exception among templates: the tokens that open and close an action, so that a model learns
 * to begin an action and to end its turn.
 */
export const masksSchema = z.strictObject({
  requirement: z.boolean().default(true).describe('Whether requirements are trained.'),
  plan: z.boolean().default(true).describe('Whether plans are trained.'),
  thought: z.boolean().default(true).describe('Whether thoughts are trained.'),
  action: z.boolean().default(true).describe('Whether actions with their code are trained.'),
  observation: z.boolean().default(false).describe('Whether observations, what a Read or a Check shows, are trained.'),
  draft: z.boolean().default(false).describe('Whether drafts, first versions that are wrong, are trained.'),
  template: z.boolean().default(false).describe('Whether the text of the format itself is trained.'),
  actionBorder: z.boolean().default(true).describe('Whether the tokens that open and close an action are trained.'),
})
export type Masks = z.infer<typeof masksSchema>

export const defaultMasks: Masks = masksSchema.parse({})
