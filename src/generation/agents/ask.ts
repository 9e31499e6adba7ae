import { RetraceError, digestOf } from '../../core/index.js'
import type { Message } from '../../records/index.js'
import type { CallPurpose, Completion, CompletionClient, CompletionRequest } from '../completion.js'
import { GenerationError } from '../errors.js'
import type { Facts } from './fit-facts.js'
import { messagesOf } from './messages.js'
import type { AgentOptions } from './options.js'
import type { Prompts } from './prompts.js'
import type { Reading } from './reading.js'
import type { Role } from './roles.js'

/** What all agents of a run ask with. */
export interface Desk {
  client: CompletionClient
  options: AgentOptions
  prompts: Prompts
  /** Of the run; sets its draws apart from those of a run with another seed. */
  seed: number
}

export interface Question<Value> {
  role: Role
  purpose: Omit<CallPurpose, 'role'>
  /** Told as fully as the bound on a prompt allows. */
  facts: Facts
  /** JSON schema of the answer; `null` for free text. */
  schema: Record<string, unknown> | null
  maxNewTokens: number
  /** How many more times to ask where the answer is of no use. */
  maxAsks: number
  /** Sets a draw apart from others of the same question. */
  draw?: string
  read(completion: Completion, messages: readonly Message[]): Reading<Value>
}

export interface Answered<Value> {
  value: Value
  /** Digest of the call. */
  call: string
}

/**
 * Asks until an answer can be used, each time saying what was wrong with the one before; `null` where none could be.
 * A prompt that the server finds too long is tried once more with half as much room. Equal questions send equal requests.
 *
 * @throws what ends every call, not this one alone: GenerationError `BUDGET_SPENT`, `ENDPOINT_UNREACHABLE`,
 * `ENDPOINT_REFUSED`, `API_KEY_MISSING`, `CALLS_BROKEN`, CoreError `ABORTED`
 */
export async function ask<Value>(desk: Desk, question: Question<Value>): Promise<Answered<Value> | null> {
  let problem = ''
  let maxChars = desk.options.maxPromptChars
  let isHalved = false
  for (let asked = 0; asked <= question.maxAsks;) {
    const request = requestFor(desk, question, problem, maxChars, asked)
    const outcome = await complete(desk.client, request, { ...question.purpose, role: question.role })
    if (outcome === 'REQUEST_REFUSED') return null
    if (outcome === 'CONTEXT_TOO_LONG') {
      if (isHalved) return null
      isHalved = true
      maxChars = Math.floor(Math.min(maxChars, charsOf(request.messages)) / 2)
      continue
    }
    const reading: Reading<Value> =
      outcome === 'ANSWER_EMPTY' ? { problem: 'It says nothing.' } : question.read(outcome, request.messages)
    if ('value' in reading && typeof outcome !== 'string') return { value: reading.value, call: outcome.call }
    problem = 'problem' in reading ? reading.problem : ''
    asked++
  }
  return null
}

/** @throws GenerationError `ANSWER_UNUSABLE` */
export function refuseFallback({ role, purpose }: Question<unknown>): never {
  const about = purpose.path === '' ? purpose.unit : `${purpose.path} of ${purpose.unit}`
  throw new GenerationError(
    'ANSWER_UNUSABLE',
    `${about}: no answer of the model as ${role} could be used. With "fallback": "narrator" the narrator's words stand there.`,
    { ...purpose, role },
  )
}

function requestFor(
  { prompts, seed }: Desk,
  question: Question<unknown>,
  problem: string,
  maxChars: number,
  asked: number,
): CompletionRequest {
  const { role, facts, schema, maxNewTokens, draw = '' } = question
  return {
    messages: messagesOf(prompts[role], { ...facts, problem }, maxChars),
    answer: schema === null ? null : { name: role, schema },
    maxNewTokens,
    // The same words may be asked again with the same problem: only the seed then makes it another draw.
    seed: seedOf(seed, role, draw, asked),
  }
}

const charsOf = (messages: readonly Message[]): number => messages.reduce((sum, { content }) => sum + content.length, 0)

/** 31 bits, which every server takes. */
function seedOf(...parts: readonly (string | number)[]): number {
  return Number.parseInt(digestOf(parts).slice(0, 8), 16) >>> 1
}

const ownFailures = ['ANSWER_EMPTY', 'CONTEXT_TOO_LONG', 'REQUEST_REFUSED'] as const
type OwnFailure = (typeof ownFailures)[number]

/** The answer, or the code of an error that is of this call alone. */
async function complete(
  client: CompletionClient,
  request: CompletionRequest,
  purpose: CallPurpose,
): Promise<Completion | OwnFailure> {
  try {
    return await client.complete(request, purpose)
  } catch (error) {
    const code = error instanceof RetraceError ? ownFailures.find((one) => one === error.code) : undefined
    if (code === undefined) throw error
    return code
  }
}
