import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'

/** What may be asked of a server that an answer's form be held to; each a little less than the one before it. */
export const answerFormats = ['json-schema', 'json-object', 'none'] as const
export type AnswerFormat = (typeof answerFormats)[number]

const baseUrlSchema = z
  .url({ protocol: /^https?$/, error: 'expected an http or https address such as http://127.0.0.1:8000/v1' })
  .refine((text) => isBareAddress(text), {
    error: 'expected an address without user name, password, query or fragment; the key comes from the environment',
  })

/** Which server writes the words, and how it is asked. */
export const endpointOptionsSchema = z.strictObject({
  baseUrl: baseUrlSchema.describe(
    "Where the server's interface begins, such as `http://127.0.0.1:8000/v1`; `/chat/completions` is put behind it.",
  ),
  model: z.string().min(1).describe('The model as the server calls it.'),
  apiKeyEnv: z
    .string()
    .min(1)
    .default('OPENAI_API_KEY')
    .describe('Name of the environment variable with the key. A server on this machine may need none.'),
  concurrency: z.int().min(1).max(512).default(8).describe('How many calls run at once.'),
  timeoutMs: z.int().min(1).max(300_000).default(120_000).meta({
    description:
      'Time limit of one attempt, until the last byte of its answer. Node waits 300 s for the head of an answer.',
    unit: 'ms',
  }),
  maxAttempts: z.int().min(1).max(100).default(6).describe('Attempts for one call, the first one included.'),
  maxRetryWaitMs: z.int().min(0).max(3_600_000).default(60_000).meta({
    description: 'Longest wait between two attempts, also where the server asks for a longer one.',
    unit: 'ms',
  }),
  temperature: z.number().min(0).max(2).default(0.7).describe('Sampling temperature.'),
  topP: z.number().gt(0).max(1).default(1).describe('Share of the probability mass that is sampled from.'),
  maxTokensField: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .default('max_tokens')
    .describe(
      'What the server calls the most tokens of an answer: hosted reasoning models take `max_completion_tokens` alone.',
    ),
  structuredOutput: z
    .enum(['auto', ...answerFormats])
    .default('auto')
    .describe(
      'What holds an answer to its JSON schema. `auto` asks for `json-schema`, and for less where the server refuses that; what a server takes is remembered beside the cache. `none` leaves it to the prompt.',
    ),
  cacheDir: z
    .string()
    .min(1)
    .optional()
    .describe('Where every answer is kept, for all runs; default `retrace/calls` in `XDG_CACHE_HOME` or `~/.cache`.'),
})
export type EndpointOptions = z.output<typeof endpointOptionsSchema>

/** The folder of the call cache. It is not a default of the schema: a run's config should not name a home folder. */
export function cacheFolder(options: EndpointOptions): string {
  if (options.cacheDir !== undefined) return options.cacheDir
  const home = process.env.XDG_CACHE_HOME ?? ''
  return join(isAbsolute(home) ? home : join(homedir(), '.cache'), 'retrace', 'calls')
}

/** Formats to ask for, the strongest first. */
export function formatsOf(options: EndpointOptions): readonly AnswerFormat[] {
  return options.structuredOutput === 'auto' ? answerFormats : [options.structuredOutput]
}

function isBareAddress(text: string): boolean {
  if (!URL.canParse(text)) return true // said already
  const { username, password, search, hash } = new URL(text)
  return username === '' && password === '' && search === '' && hash === ''
}
