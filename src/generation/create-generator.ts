import { z } from 'zod'
import type { GeneratorInfo } from '../records/index.js'
import { createAgents, describeAgents } from './agents/create-agents.js'
import { agentOptionsSchema } from './agents/options.js'
import { promptsDigest } from './agents/prompts.js'
import type { GenerationContext } from './context.js'
import { createEndpointClient } from './endpoint/endpoint-client.js'
import { endpointOptionsSchema } from './endpoint/options.js'
import type { Generator } from './generator.js'
import { createNarrator, narratorInfo } from './narrator/narrator.js'

export const generationOptionsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Offline, from structure alone. */
    kind: z.literal('narrator'),
  }),
  z.strictObject({
    /** A language model behind an OpenAI-compatible server. */
    kind: z.literal('endpoint'),
    ...endpointOptionsSchema.shape,
    ...agentOptionsSchema.shape,
  }),
])
export type GenerationOptions = z.infer<typeof generationOptionsSchema>

/** @throws GenerationError `API_KEY_MISSING`, `PROMPT_INVALID` */
export function createGenerator(options: GenerationOptions, context: GenerationContext): Generator {
  switch (options.kind) {
    case 'narrator':
      return createNarrator()
    case 'endpoint': {
      const client = createEndpointClient(endpointOptionsSchema.strip().parse(options), context)
      const about = { model: options.model, parameters: parametersOf(options), seed: context.seed }
      return createAgents(client, options, about)
    }
  }
}

/** What the records say of the generator that these options make. @throws GenerationError `PROMPT_INVALID` */
export function describeGenerator(options: GenerationOptions): GeneratorInfo {
  switch (options.kind) {
    case 'narrator':
      return narratorInfo
    case 'endpoint':
      return describeAgents(options, { model: options.model, parameters: parametersOf(options) })
  }
}

/** As the server takes them. */
function parametersOf({ temperature, topP }: { temperature: number; topP: number }): Record<string, number> {
  return { temperature, top_p: topP }
}

/** Digest of the prompts that these options ask with; empty where nobody is asked. @throws GenerationError `PROMPT_INVALID` */
export function digestOfPrompts(options: GenerationOptions): string {
  return options.kind === 'narrator' ? '' : promptsDigest(options.promptsDir)
}

/** The options that decide what is said; which server says it, and how patiently it is asked, may change in a run. */
export function decidingOptions(options: GenerationOptions): object {
  if (options.kind === 'narrator') return options
  const { baseUrl: _, apiKeyEnv: _1, concurrency: _2, timeoutMs: _3, ...rest } = options
  const { maxAttempts: _4, maxRetryWaitMs: _5, cacheDir: _6, promptsDir: _7, ...deciding } = rest
  return deciding
}
