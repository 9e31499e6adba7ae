import { z } from 'zod'
import type { SegmentOrigin } from './segment.js'

const origins = [
  'template',
  'requirement',
  'plan',
  'thought',
  'action',
  'observation',
  'draft',
] as const satisfies readonly SegmentOrigin[]

/** Text that renders to one segment, which the table of masks trains or not by its origin. */
export const partSchema = z.strictObject({ origin: z.enum(origins), text: z.string() })
export type Part = z.infer<typeof partSchema>

/** What one side says: an agent that plans or acts, the one who asked, or a tool. */
export const turnSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  /** `false` where nothing of it may be trained, whatever the masks say. */
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

/** Whether an agent thinks or acts here; a plan is said before the first action, like what was asked for. */
export function isActing({ role, parts }: Turn): boolean {
  return role === 'assistant' && parts.some(({ origin }) => origin !== 'plan')
}
