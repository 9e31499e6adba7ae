import { z } from 'zod'
import { createNarrator, narratorInfo } from '../narrator/narrator.js'
import type { GeneratorKind } from './generator-kind.js'

/** Writes offline, from the structure of the repository alone. */
const options = z.strictObject({ kind: z.literal('narrator') })

export const narratorKind = {
  options,
  create: createNarrator,
  describe: () => narratorInfo,
  promptsDigest: () => '',
  decidingOptions: (all) => all,
  checkPrompts: () => {},
  checkApiKey: () => {},
  probe: () => Promise.resolve(null),
} satisfies GeneratorKind<z.output<typeof options>>
