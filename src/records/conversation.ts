import { z } from 'zod'

/** What a text is: the masks train it or not by its origin. */
const origins = ['template', 'requirement', 'plan', 'thought', 'action', 'observation', 'draft'] as const

/** Text of one origin; it renders to one segment. */
const partSchema = z.strictObject({ origin: z.enum(origins), text: z.string() })
export type Part = z.infer<typeof partSchema>

/** A message of one side: an agent that plans or acts, a user, or a tool. */
const turnSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  /** `false` where no token of the turn may be trained, whatever the masks say. */
  trained: z.boolean(),
  parts: z.array(partSchema),
})
export type Turn = z.infer<typeof turnSchema>

/** A trajectory by value, such as another's file gives it: record out of `interchange`, record into `packing`. */
export const conversationSchema = z.strictObject({
  schemaVersion: z.literal(1),
  id: z.string(),
  /** Mixture component that the packed rows carry. */
  domain: z.string(),
  turns: z.array(turnSchema),
})
export type Conversation = z.infer<typeof conversationSchema>
