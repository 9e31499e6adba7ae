import { z } from 'zod'
import type { BlobStore } from '../core/index.js'
import type { GeneratorInfo, LedgerRow } from '../records/index.js'
import { createAgents, describeAgents } from './agents/create-agents.js'
import { agentOptionsSchema } from './agents/options.js'
import { promptsDigest } from './agents/prompts.js'
import { createEndpointClient } from './endpoint/endpoint-client.js'
import { endpointOptionsSchema } from './endpoint/options.js'
import type { Generator } from './generator.js'
import { createNarrator, narratorInfo } from './narrator/narrator.js'

export const generationOptionsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('narrator').describe('Offline, from structure alone.'),
  }),
  z.strictObject({
    kind: z.literal('endpoint').describe('A language model behind an OpenAI-compatible server.'),
    ...endpointOptionsSchema.shape,
    ...agentOptionsSchema.shape,
  }),
])
export type GenerationOptions = z.infer<typeof generationOptionsSchema>

/** What a run may still spend on calls; `null` is without bound. What was in the cache costs nothing. */
export interface Budget {
  calls: number | null
  /** Tokens of prompts and answers together. */
  tokens: number | null
}

/** What a generator that makes calls needs of its run. */
export interface GenerationContext {
  /** Keeps every raw call with the run. */
  blobs: BlobStore
  budget: Budget
  /** Names the draws together with what they are for. */
  seed: number
  /**
   * Called before a call is sent, with every key that its answer may have: what comes home after a kill is then known
   * to be this run's to pay.
   */
  onSend?(keys: readonly string[]): void
  /** Called where what was sent came to nothing that is paid. */
  onUnpaid?(keys: readonly string[]): void
  /** Called once for each call that an answer came of, as soon as it did. */
  onCall(row: LedgerRow): void
  signal?: AbortSignal | undefined
}

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
