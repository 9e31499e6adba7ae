import OpenAI from 'openai'
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions'
import { withoutKey } from './api-key.js'
import { brokenBody, classifyError, emptyAnswer, type Failure } from './failure.js'
import { isEmpty, readAnswer, type Answer } from './read-answer.js'
import { readBody } from './read-body.js'
import type { RequestBody } from './request-body.js'

/** The result of asking a server once. */
export type Attempt = { ok: true; response: unknown; answer: Answer } | { ok: false; failure: Failure }

interface Server {
  baseUrl: string
  apiKey: string
  /** For one attempt, until the last byte. */
  timeoutMs: number
}

const maxAnswerBytes = 64 * 1024 * 1024
const maxErrorBytes = 64 * 1024

/** Makes a function that asks a server once, through the official client with its own retries turned off. */
export function openServer(server: Server): (body: RequestBody) => Promise<Attempt> {
  const client = new OpenAI({
    baseURL: server.baseUrl,
    apiKey: server.apiKey,
    // Not from the environment: those values are for the hosted service, and this may be another server.
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: server.timeoutMs,
    logLevel: 'off',
    fetch: (url, init) => fetchKeepingErrors(url, init, server.apiKey),
  })
  return (body) => attempt(client, server, body)
}

async function attempt(client: OpenAI, { apiKey, timeoutMs }: Server, body: RequestBody): Promise<Attempt> {
  // The client's own time limit ends at the head of the answer; a slow body could go on for ever.
  const limit = AbortSignal.timeout(timeoutMs)
  const fail = (failure: Failure): Attempt => {
    return { ok: false, failure: { ...failure, message: withoutKey(failure.message, apiKey) } }
  }
  let response: Response
  try {
    const params = body as unknown as ChatCompletionCreateParamsNonStreaming
    response = await client.chat.completions.create(params, { signal: limit }).asResponse()
  } catch (error) {
    return fail(classifyError(error, limit.aborted, Date.now()))
  }
  let text: string
  try {
    text = await readBody(response, maxAnswerBytes)
  } catch (error) {
    if (limit.aborted) return fail(classifyError(error, true, Date.now()))
    return fail(brokenBody(`the answer was cut (${error instanceof Error ? error.message : String(error)})`))
  }
  return parseBody(withoutKey(text, apiKey), fail)
}

function parseBody(text: string, fail: (failure: Failure) => Attempt): Attempt {
  let response: unknown
  try {
    response = JSON.parse(text)
  } catch {
    return fail(brokenBody(`the answer is no whole JSON (${text.length} characters)`))
  }
  const answer = readAnswer(response)
  if (answer === null) return fail(brokenBody('the answer is JSON, but no completion'))
  // An empty answer with counted tokens is an answer, and is paid for: a model may think up to its limit. Without counted
  // tokens the server is not well, and another attempt may be answered.
  if (isEmpty(answer) && answer.usage.completionTokens === 0) return fail(emptyAnswer(answer.finishReason))
  return { ok: true, response, answer }
}

/**
 * `fetch`, except that the body of an error comes as `{error: {raw}}`: the client keeps only the value of `error`, and
 * several servers put their message elsewhere in the body.
 */
async function fetchKeepingErrors(
  url: string | URL | Request,
  init: RequestInit | undefined,
  apiKey: string,
): Promise<Response> {
  const response = await fetch(url, init)
  if (response.ok) return response
  // The key goes before the message is cut anywhere: half a key would not be recognized.
  const raw = withoutKey(await readBody(response, maxErrorBytes).catch(() => ''), apiKey)
  const headers = new Headers(response.headers)
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) headers.delete(name)
  return new Response(JSON.stringify({ error: { raw } }), { status: response.status, headers })
}
