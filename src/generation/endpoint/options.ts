import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'

/** How a server can be asked to constrain the form of an answer, from the strongest to the weakest. */
export const answerFormats = ['json-schema', 'json-object', 'none'] as const
export type AnswerFormat = (typeof answerFormats)[number]

const baseUrlSchema = z
  .url({ protocol: /^https?$/, error: 'expected an http or https address such as http://127.0.0.1:8000/v1' })
  .refine((text) => isBareAddress(text), {
    error: 'expected an address without user name, password, query or fragment; the key comes from the environment',
  })

/** Which server is asked, and how. */
export const endpointOptionsSchema = z.strictObject({
  baseUrl: baseUrlSchema.describe(
    "The address of the server's interface, such as `http://127.0.0.1:8000/v1`; `/chat/completions` is appended.",
  ),
  model: z.string().min(1).describe('The name of the model on the server.'),
  apiKeyEnv: z
    .string()
    .min(1)
    .default('OPENAI_API_KEY')
    .describe('Name of the environment variable that holds the API key. A server on this machine may need none.'),
  concurrency: z.int().min(1).max(512).default(8).describe('How many calls run at once.'),
  timeoutMs: z.int().min(1).max(300_000).default(120_000).meta({
    description:
      'Time limit of one attempt, until the last byte of its answer. Node gives up on the head of an answer after 300 s.',
    unit: 'ms',
  }),
  maxAttempts: z.int().min(1).max(100).default(6).describe('Most attempts for one call, the first one included.'),
  maxRetryWaitMs: z.int().min(0).max(3_600_000).default(60_000).meta({
    description: 'Longest wait between two attempts, even if the server asks for a longer one.',
    unit: 'ms',
  }),
  temperature: z.number().min(0).max(2).default(0.7).describe('Sampling temperature.'),
  topP: z.number().gt(0).max(1).default(1).describe('Share of the probability mass that is sampled from.'),
  maxTokensField: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .default('max_tokens')
    .describe(
      'The field for the most tokens of an answer: hosted reasoning models accept only `max_completion_tokens`.',
    ),
  structuredOutput: z
    .enum(['auto', ...answerFormats])
    .default('auto')
    .describe(
      'How an answer is constrained to its JSON schema. `auto` asks for `json-schema`, and for a weaker form if the server refuses it; the form that a server accepts is remembered beside the cache. `none` only says it in the prompt.',
    ),
  cacheDir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The folder that keeps every answer, for all runs; default `retrace/calls` in `XDG_CACHE_HOME` or `~/.cache`.',
    ),
})
export type EndpointOptions = z.output<typeof endpointOptionsSchema>

/** The folder of the call cache. Not a default of the schema, so that the config of a run names no home folder. */
export function cacheFolder(options: EndpointOptions): string {
  if (options.cacheDir !== undefined) return options.cacheDir
  const home = process.env.XDG_CACHE_HOME ?? ''
  return join(isAbsolute(home) ? home : join(homedir(), '.cache'), 'retrace', 'calls')
}

/** The formats to ask for, the strongest first. */
export function formatsOf(options: EndpointOptions): readonly AnswerFormat[] {
  return options.structuredOutput === 'auto' ? answerFormats : [options.structuredOutput]
}

function isBareAddress(text: string): boolean {
  if (!URL.canParse(text)) return true // reported by `z.url` already
  const { username, password, search, hash } = new URL(text)
  return username === '' && password === '' && search === '' && hash === ''
}
