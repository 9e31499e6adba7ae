import { RetraceError, digestOf } from '../../core/index.js'
import type { Message } from '../../records/index.js'
import type { CallPurpose, Completion, CompletionClient, CompletionRequest } from '../completion.js'
import { GenerationError } from '../errors.js'
import type { Facts } from './fit-facts.js'
import { buildMessages } from './messages.js'
import type { AgentOptions } from './options.js'
import type { Prompts } from './prompts.js'
import type { ReadResult } from './read-result.js'
import type { Role } from './roles.js'

/** What all agents of a run ask with. */
export interface AgentContext {
  client: CompletionClient
  options: AgentOptions
  prompts: Prompts
  /** Of the run; sets its draws apart from those of a run with another seed. */
  seed: number
}

export interface AgentQuestion<Value> {
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
  read(completion: Completion, messages: readonly Message[]): ReadResult<Value>
}

export interface AgentAnswer<Value> {
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
export async function ask<Value>(
  context: AgentContext,
  question: AgentQuestion<Value>,
): Promise<AgentAnswer<Value> | null> {
  let problem = ''
  let maxChars = context.options.maxPromptChars
  let isHalved = false
  for (let asks = 0; asks <= question.maxAsks;) {
    const request = buildRequest(context, question, problem, maxChars, asks)
    const outcome = await complete(context.client, request, { ...question.purpose, role: question.role })
    if (outcome === 'REQUEST_REFUSED') return null
    if (outcome === 'CONTEXT_TOO_LONG') {
      if (isHalved) return null
      isHalved = true
      maxChars = Math.floor(Math.min(maxChars, countChars(request.messages)) / 2)
      continue
    }
    const reading: ReadResult<Value> =
      outcome === 'ANSWER_EMPTY' ? { problem: 'It says nothing.' } : question.read(outcome, request.messages)
    if ('value' in reading && typeof outcome !== 'string') return { value: reading.value, call: outcome.call }
    problem = 'problem' in reading ? reading.problem : ''
    asks++
  }
  return null
}

/** @throws GenerationError `ANSWER_UNUSABLE` */
export function throwUnusable({ role, purpose }: AgentQuestion<unknown>): never {
  const about = purpose.path === '' ? purpose.unit : `${purpose.path} of ${purpose.unit}`
  throw new GenerationError(
    'ANSWER_UNUSABLE',
    `${about}: no answer of the model as ${role} could be used. With "fallback": "narrator" the narrator's words stand there.`,
    { ...purpose, role },
  )
}

function buildRequest(
  { prompts, seed }: AgentContext,
  question: AgentQuestion<unknown>,
  problem: string,
  maxChars: number,
  asks: number,
): CompletionRequest {
  const { role, facts, schema, maxNewTokens, draw = '' } = question
  return {
    messages: buildMessages(prompts[role], { ...facts, problem }, maxChars),
    answer: schema === null ? null : { name: role, schema },
    maxNewTokens,
    // The same words may be asked again with the same problem: only the seed then makes it another draw.
    seed: seedFrom(seed, role, draw, asks),
  }
}

const countChars = (messages: readonly Message[]): number =>
  messages.reduce((sum, { content }) => sum + content.length, 0)

/** 31 bits, which every server takes. */
function seedFrom(...parts: readonly (string | number)[]): number {
  return Number.parseInt(digestOf(parts).slice(0, 8), 16) >>> 1
}

const codesOfOneCall = ['ANSWER_EMPTY', 'CONTEXT_TOO_LONG', 'REQUEST_REFUSED'] as const
type CodeOfOneCall = (typeof codesOfOneCall)[number]

/** The answer, or the code of an error that is of this call alone. */
async function complete(
  client: CompletionClient,
  request: CompletionRequest,
  purpose: CallPurpose,
): Promise<Completion | CodeOfOneCall> {
  try {
    return await client.complete(request, purpose)
  } catch (error) {
    const code = error instanceof RetraceError ? codesOfOneCall.find((known) => known === error.code) : undefined
    if (code === undefined) throw error
    return code
  }
}
