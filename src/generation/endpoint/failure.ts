import { APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai'
import type { GenerationErrorCode } from '../errors.js'
import { deepestMessage, serverMessage } from './server-text.js'

/** Why an attempt brought no answer, and what to do about it. */
export interface Failure {
  /** Its name in the ledger: an HTTP status, or `connection`, `timeout`, `body`, `empty`. */
  kind: string
  /** Whether another attempt at the same request may be answered. */
  isTransient: boolean
  /** How long the server asks to wait, in ms; `null` if it does not ask. */
  retryAfterMs: number | null
  /** The code of the error that the call ends with if this was its last attempt. */
  code: GenerationErrorCode
  /** What happened, for a person. */
  message: string
}

const transientStatuses = new Set([408, 409, 429])
/** The server does not blame this request; it has no room or no time for any request. */
const overloadStatuses = new Set([408, 409, 429, 502, 503, 504, 529])
/** 402: nothing left to pay with. 404: no such model, or `baseUrl` is wrong. */
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

/** The failure that an exception of the client library means. */
export function classifyError(error: unknown, timedOut: boolean, nowMs: number): Failure {
  if (timedOut || error instanceof APIConnectionTimeoutError || error instanceof APIUserAbortError)
    return transientFailure('timeout', 'ENDPOINT_UNREACHABLE', 'no whole answer came within the time limit')
  if (!isStatusError(error)) return transientFailure('connection', 'ENDPOINT_UNREACHABLE', deepestMessage(error))
  return classifyStatus(error.status, rawBodyOf(error), retryAfterMs(error.headers, nowMs))
}

/** The failure that a response other than 2xx means; `raw` is its body. */
export function classifyStatus(status: number, raw: string, retryAfter: number | null): Failure {
  const detail = serverMessage(raw)
  const failure = {
    kind: String(status),
    retryAfterMs: retryAfter,
    message: `the server answered ${status}${detail === '' ? '' : `: ${detail}`}`,
  }
  // Too many tokens *per minute* is a 429, and transient.
  if (status === 413 || (status !== 429 && saysTooLong(raw)))
    return { ...failure, isTransient: false, code: 'CONTEXT_TOO_LONG' }
  if (refusingStatuses.has(status) || raw.includes('insufficient_quota'))
    return { ...failure, isTransient: false, code: 'ENDPOINT_REFUSED' }
  const isTransient = transientStatuses.has(status) || status >= 500
  return { ...failure, isTransient, code: overloadStatuses.has(status) ? 'ENDPOINT_UNREACHABLE' : 'REQUEST_REFUSED' }
}

/** A response of status 2xx whose body cannot be used: cut, not JSON, or not a completion. */
export function brokenBody(message: string): Failure {
  return transientFailure('body', 'REQUEST_REFUSED', message)
}

/** A completion without text. */
export function emptyAnswer(finishReason: string): Failure {
  return transientFailure('empty', 'ANSWER_EMPTY', `the model said nothing (it ended by "${finishReason}")`)
}

function transientFailure(kind: string, code: GenerationErrorCode, message: string): Failure {
  return { kind, isTransient: true, retryAfterMs: null, code, message }
}

/** Milliseconds that the server asks to wait, in any of the three ways to say it; `null` if it does not ask. */
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

type StatusError = APIError<number, Headers | undefined>

/** Whether the server answered, with a status. */
const isStatusError = (error: unknown): error is StatusError => error instanceof APIError && error.status !== undefined

function rawBodyOf(error: StatusError): string {
  const { raw } = (error.error ?? {}) as { raw?: unknown }
  return typeof raw === 'string' ? raw : error.message
}
