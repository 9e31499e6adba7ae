import { z } from 'zod'
import { createNarrator, narratorInfo } from '../narrator/narrator.js'
import type { GeneratorKind } from './generator-kind.js'

/** Writes offline, from the structure of the repository alone. */
const optionsSchema = z.strictObject({ kind: z.literal('narrator').describe('Offline, from structure alone.') })

export const narratorKind = {
  optionsSchema,
  create: createNarrator,
  describe: () => narratorInfo,
  promptsDigest: () => '',
  decidingOptions: (options) => options,
  checkPrompts: () => {},
  checkApiKey: () => {},
  probe: () => Promise.resolve(null),
} satisfies GeneratorKind<z.output<typeof optionsSchema>>
