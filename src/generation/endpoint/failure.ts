import { APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai'
import type { GenerationErrorCode } from '../errors.js'
import { deepestMessage, serverMessage } from './server-text.js'

/** Why an attempt gave no answer, and what follows. */
export interface Failure {
  /** Its name in the ledger: an HTTP status, or `connection`, `timeout`, `body`, `empty`. */
  kind: string
  /** Whether the same request may be answered when it is asked again. */
  isPassing: boolean
  /** How long the server wants to be left alone, in ms; `null` where it does not say. */
  retryAfterMs: number | null
  /** What the call ends with if this was its last attempt. */
  code: GenerationErrorCode
  /** What happened, for a person. */
  says: string
}

const passingStatuses = new Set([408, 409, 429])
/** The server is not at fault with this request, but has no room or no time for any. */
const overloadStatuses = new Set([408, 409, 429, 502, 503, 504, 529])
/** 402: nothing left to pay with. 404: no such model, or the address is not that of the interface. */
const refusingStatuses = new Set([401, 402, 403, 404])

/**
 * How servers say that prompt and answer do not fit: OpenAI and vLLM by code and `maximum context length`, SGLang and
 * Ollama by `context length`, llama.cpp by `context size`, TGI by its parameter, others by what they count.
 */
const tooLongPhrases = [
  'context_length_exceeded',
  'exceed_context_size',
  'context length',
  'context size',
  'context window',
  'maximum model length',
  'max_model_len',
  'max_new_tokens` must be',
  'prompt is too long',
  'input is too long',
  'maximum number of tokens',
]

/** What an exception of the client library means. */
export function classifyError(error: unknown, timedOut: boolean, nowMs: number): Failure {
  if (timedOut || error instanceof APIConnectionTimeoutError || error instanceof APIUserAbortError)
    return passing('timeout', 'ENDPOINT_UNREACHABLE', 'no whole answer came within the time limit')
  if (!(error instanceof APIError) || error.status === undefined)
    return passing('connection', 'ENDPOINT_UNREACHABLE', deepestMessage(error))
  const status = error.status as number
  return classifyStatus(status, rawBodyOf(error), retryAfterMs(error.headers as Headers | undefined, nowMs))
}

/** What a response other than 2xx means; `raw` is its body. */
export function classifyStatus(status: number, raw: string, retryAfter: number | null): Failure {
  const said = serverMessage(raw)
  const failure = {
    kind: String(status),
    retryAfterMs: retryAfter,
    says: `the server answered ${status}${said === '' ? '' : `: ${said}`}`,
  }
  // Too many tokens *per minute* is a 429 and passes.
  if (status === 413 || (status !== 429 && saysTooLong(raw)))
    return { ...failure, isPassing: false, code: 'CONTEXT_TOO_LONG' }
  if (refusingStatuses.has(status) || raw.includes('insufficient_quota'))
    return { ...failure, isPassing: false, code: 'ENDPOINT_REFUSED' }
  const isPassing = passingStatuses.has(status) || status >= 500
  return { ...failure, isPassing, code: overloadStatuses.has(status) ? 'ENDPOINT_UNREACHABLE' : 'REQUEST_REFUSED' }
}

/** A response of status 2xx whose body cannot be used: cut, no JSON, no completion. */
export function brokenBody(why: string): Failure {
  return passing('body', 'REQUEST_REFUSED', why)
}

/** A completion that says nothing. */
export function emptyAnswer(finishReason: string): Failure {
  return passing('empty', 'ANSWER_EMPTY', `the model said nothing (it ended by "${finishReason}")`)
}

function passing(kind: string, code: GenerationErrorCode, says: string): Failure {
  return { kind, isPassing: true, retryAfterMs: null, code, says }
}

/** Milliseconds that the server asks for, by any of the three ways to say it; `null` where it asks for none. */
export function retryAfterMs(headers: Headers | undefined, nowMs: number): number | null {
  const inMs = Number.parseFloat(headers?.get('retry-after-ms') ?? '')
  const header = headers?.get('retry-after')?.trim() ?? ''
  const fromHeader = /^\d+(\.\d+)?$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs
  const wait = Number.isFinite(inMs) ? inMs : fromHeader
  return wait > 0 ? wait : null
}

function saysTooLong(raw: string): boolean {
  const text = raw.toLowerCase()
  return tooLongPhrases.some((phrase) => text.includes(phrase))
}

function rawBodyOf(error: APIError): string {
  const { raw } = (error.error ?? {}) as { raw?: unknown }
  return typeof raw === 'string' ? raw : error.message
}
