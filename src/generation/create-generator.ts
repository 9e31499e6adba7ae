import { z } from 'zod'
import type { Generator } from './generator.js'
import { createNarrator } from './narrator/narrator.js'

const makers: Record<'narrator', () => Generator> = { narrator: createNarrator }

export const generationOptionsSchema = z.strictObject({
  /** `narrator`: offline, from structure alone. */
  kind: z.enum(['narrator']).default('narrator'),
})

export function createGenerator(options: z.infer<typeof generationOptionsSchema>): Generator {
  return makers[options.kind]()
}
