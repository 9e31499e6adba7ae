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

/** What all agents of a run share. */
export interface AgentContext {
  client: CompletionClient
  options: AgentOptions
  prompts: Prompts
  /** The seed of the run: other seeds get other answers. */
  seed: number
}

export interface AgentQuestion<Value> {
  role: Role
  purpose: Omit<CallPurpose, 'role'>
  /** Each is shown at the greatest length that the limit of the prompt allows. */
  facts: Facts
  /** JSON schema of the answer; `null` for free text. */
  schema: Record<string, unknown> | null
  maxNewTokens: number
  /** How many more times to ask if an answer cannot be used. */
  maxAsks: number
  /** Changes the seed, to get several answers to the same question. */
  draw?: string
  read(completion: Completion, messages: readonly Message[]): ReadResult<Value>
}

export interface AgentAnswer<Value> {
  value: Value
  /** Digest of the call. */
  call: string
}

/**
 * Asks until an answer can be used; each further prompt says what was wrong with the previous answer. `null` if no answer
 * can be used. A prompt that is too long for the server is sent once more at half its length. Equal questions send equal
 * requests.
 *
 * @throws errors that end every call, not only this one: GenerationError `BUDGET_SPENT`, `ENDPOINT_UNREACHABLE`,
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
    const result: ReadResult<Value> =
      outcome === 'ANSWER_EMPTY' ? { problem: 'It says nothing.' } : question.read(outcome, request.messages)
    if ('value' in result && typeof outcome !== 'string') return { value: result.value, call: outcome.call }
    problem = 'problem' in result ? result.problem : ''
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
    // The same prompt may be sent again with the same problem: then only the seed makes it another request.
    seed: seedFrom(seed, role, draw, asks),
  }
}

const countChars = (messages: readonly Message[]): number =>
  messages.reduce((sum, { content }) => sum + content.length, 0)

/** 31 bits, which every server accepts. */
function seedFrom(...parts: readonly (string | number)[]): number {
  return Number.parseInt(digestOf(parts).slice(0, 8), 16) >>> 1
}

const codesOfOneCall = ['ANSWER_EMPTY', 'CONTEXT_TOO_LONG', 'REQUEST_REFUSED'] as const
type CodeOfOneCall = (typeof codesOfOneCall)[number]

/** The answer, or the code of an error that concerns only this call. */
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
