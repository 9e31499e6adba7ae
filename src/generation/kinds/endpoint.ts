import { z } from 'zod'
import { createAgents, describeAgents } from '../agents/create-agents.js'
import { agentOptionsSchema } from '../agents/options.js'
import { loadPrompts, promptsDigest } from '../agents/prompts.js'
import { findApiKey } from '../endpoint/api-key.js'
import { createEndpointClient } from '../endpoint/endpoint-client.js'
import { endpointOptionsSchema } from '../endpoint/options.js'
import { probeModels } from '../endpoint/probe-endpoint.js'
import type { GeneratorKind } from './generator-kind.js'

/** Asks a language model behind an OpenAI-compatible server. */
const optionsSchema = z.strictObject({
  kind: z.literal('endpoint').describe('A language model behind an OpenAI-compatible server.'),
  ...endpointOptionsSchema.shape,
  ...agentOptionsSchema.shape,
})

export const endpointKind = {
  optionsSchema,
  create(options, context) {
    const client = createEndpointClient(endpointOptionsSchema.strip().parse(options), context)
    return createAgents(client, options, {
      model: options.model,
      parameters: requestParameters(options),
      seed: context.seed,
    })
  },
  describe: (options) => describeAgents(options, { model: options.model, parameters: requestParameters(options) }),
  promptsDigest: ({ promptsDir }) => promptsDigest(promptsDir),
  decidingOptions(options) {
    const { baseUrl: _, apiKeyEnv: _1, concurrency: _2, timeoutMs: _3, ...rest } = options
    const { maxAttempts: _4, maxRetryWaitMs: _5, cacheDir: _6, promptsDir: _7, ...deciding } = rest
    return deciding
  },
  checkPrompts: ({ promptsDir }) => void loadPrompts(promptsDir),
  checkApiKey: (options) => void findApiKey(options),
  probe: probeModels,
} satisfies GeneratorKind<z.output<typeof optionsSchema>>

/** The sampling parameters under the names that the server takes. */
function requestParameters({ temperature, topP }: { temperature: number; topP: number }): Record<string, number> {
  return { temperature, top_p: topP }
}
