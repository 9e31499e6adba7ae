import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import type { Attempt } from '../../src/generation/endpoint/attempt.js'
import { findApiKey } from '../../src/generation/endpoint/api-key.js'
import { brokenBody, classifyStatus, emptyAnswer, retryAfterMs } from '../../src/generation/endpoint/failure.js'
import { endpointOptionsSchema } from '../../src/generation/endpoint/options.js'
import { readAnswer } from '../../src/generation/endpoint/read-answer.js'
import { askUntilAnswered, retryWaitMs, type AskResult, type Clock } from '../../src/generation/endpoint/retry.js'

const test = suite('endpoint retry')

const answered: Attempt = {
  ok: true,
  response: {},
  answer: { text: 'yes', finishReason: 'stop', usage: { promptTokens: 1, completionTokens: 1 } },
}
const failed = (...args: Parameters<typeof classifyStatus>): Attempt => ({
  ok: false,
  failure: classifyStatus(...args),
})
const empty: Attempt = { ok: false, failure: emptyAnswer('stop') }
const cut: Attempt = { ok: false, failure: brokenBody('cut') }

/** Asks a server that gives these answers in turn; the clock records how long it should wait. */
async function askThrough(
  script: Attempt[],
  limits = { maxAttempts: 6, maxRetryWaitMs: 60_000 },
): Promise<{ result: AskResult; waits: number[]; left: number }> {
  const waits: number[] = []
  const left = [...script]
  const clock: Clock = { sleep: (ms) => Promise.resolve(void waits.push(ms)), random: () => 0.5 }
  const ask = (): Promise<Attempt> => Promise.resolve(left.shift() ?? answered)
  const result = await askUntilAnswered(ask, limits, clock, new AbortController().signal)
  return { result, waits, left: left.length }
}

test('what passes is asked again, waits double, and each failure is counted by its name', async () => {
  const { result, waits } = await askThrough([
    failed(500, '', null),
    cut,
    failed(429, '', null),
    failed(500, '', null),
    empty,
  ])
  assert.is(result.kind, 'answered')
  assert.equal(result.failures, { '500': 2, body: 1, '429': 1, empty: 1 })
  assert.equal(waits, [500, 1000, 2000, 4000, 8000])
})

test('a server is left alone for as long as it asks, up to the bound', async () => {
  const { waits } = await askThrough([failed(429, '', 7000), failed(503, '', 90_000), failed(503, '', null)])
  assert.equal(waits, [7000, 60_000, 2000])
})

test('a wait without a wish of the server is a random part of a bounded time', () => {
  assert.is(retryWaitMs(1, null, 60_000, 0), 0)
  assert.is(retryWaitMs(1, null, 60_000, 0.999), 999)
  assert.is(retryWaitMs(12, null, 60_000, 0.9), 60_000)
})

test('the wish is read in seconds, as a date and in milliseconds; no sense is no wish', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const waitOf = (headers: Record<string, string>): number | null => retryAfterMs(new Headers(headers), now)
  assert.is(waitOf({ 'retry-after': '3' }), 3000)
  assert.is(waitOf({ 'retry-after': '0.5' }), 500)
  assert.is(waitOf({ 'retry-after': 'Thu, 01 Jan 2026 00:00:20 GMT' }), 20_000)
  assert.is(waitOf({ 'retry-after': '9', 'retry-after-ms': '1200' }), 1200)
  assert.is(waitOf({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }), null)
  assert.is(waitOf({ 'retry-after': 'soon' }), null)
  assert.is(waitOf({ 'retry-after': '-4' }), null)
  assert.is(retryAfterMs(undefined, now), null)
})

test('attempts end at the bound, and a model that says nothing is asked three times', async () => {
  const always500 = await askThrough(Array.from({ length: 9 }, () => failed(500, '', null)))
  assert.is(always500.left, 3)
  assert.is(always500.result.kind === 'failed' && always500.result.failure.code, 'REQUEST_REFUSED')
  const alwaysEmpty = await askThrough(Array.from({ length: 9 }, () => empty))
  assert.is(alwaysEmpty.left, 6)
  assert.is(alwaysEmpty.result.kind === 'failed' && alwaysEmpty.result.failure.code, 'ANSWER_EMPTY')
})

test('nothing is begun after the stop, also not by a wait that it ends', async () => {
  const stopping = new AbortController()
  let asks = 0
  const clock: Clock = { sleep: () => Promise.resolve(stopping.abort()), random: () => 0 }
  const ask = (): Promise<Attempt> => {
    asks++
    return Promise.resolve(cut)
  }
  const result = await askUntilAnswered(ask, { maxAttempts: 6, maxRetryWaitMs: 1 }, clock, stopping.signal)
  assert.equal(result, { kind: 'stopped', failures: { body: 1 } })
  assert.is(asks, 1)
})

test('a status says what follows from it', () => {
  const outcome = (status: number, raw = ''): string => {
    const { code, isTransient: isPassing, kind } = classifyStatus(status, raw, null)
    assert.is(kind, String(status))
    return `${isPassing ? 'again, then ' : ''}${code}`
  }
  for (const status of [408, 409, 429, 502, 503, 504]) assert.is(outcome(status), 'again, then ENDPOINT_UNREACHABLE')
  assert.is(outcome(500), 'again, then REQUEST_REFUSED')
  for (const status of [401, 403, 404]) assert.is(outcome(status), 'ENDPOINT_REFUSED')
  for (const status of [400, 405, 422]) assert.is(outcome(status), 'REQUEST_REFUSED')
  assert.is(outcome(413), 'CONTEXT_TOO_LONG')
  assert.is(outcome(429, '{"error":{"code":"insufficient_quota"}}'), 'ENDPOINT_REFUSED')
})

test('a prompt that is too long is told in the words of each server', () => {
  const bodies: [number, unknown][] = [
    [400, { error: { message: 'Your input is over the limit.', code: 'context_length_exceeded' } }], // OpenAI
    // vLLM, before and after it adopted OpenAI's form of an error
    [400, { object: 'error', message: "This model's maximum context length is 2048 tokens. However, you requested 9" }],
    [400, { error: { message: 'The decoder prompt (length 5000) is longer than the maximum model length of 2048.' } }],
    // SGLang, llama.cpp, Ollama, TGI
    [400, { message: "The input (9000 tokens) is longer than the model's context length (8192 tokens)." }],
    [400, { error: { code: 400, type: 'exceed_context_size_error', message: 'request (9 tokens) exceeds' } }],
    [500, { error: { message: 'the request exceeds the available context size' } }],
    [400, { error: { message: 'the input length exceeds the context length' } }],
    [422, { error: 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096' }],
  ]
  for (const [status, body] of bodies) {
    const { code, isTransient: isPassing } = classifyStatus(status, JSON.stringify(body), null)
    assert.equal([code, isPassing], ['CONTEXT_TOO_LONG', false], JSON.stringify(body))
  }
  const perMinute = classifyStatus(
    429,
    '{"error":{"message":"Request too large: tokens per min. context length"}}',
    null,
  )
  assert.is(perMinute.isTransient, true)
})

test('the message says what the server said, wherever it said it, in one line', () => {
  const messageOf = (raw: string): string => classifyStatus(422, raw, null).message
  assert.is(messageOf('{"error":{"message":"no such field"}}'), 'the server answered 422: no such field')
  assert.is(messageOf('{"message":"no such field"}'), 'the server answered 422: no such field')
  assert.is(messageOf('{"detail":[{"loc":["body","seed"]}]}'), 'the server answered 422: [{"loc":["body","seed"]}]')
  assert.is(messageOf('<html>\n\u001b[2J bad </html>'), 'the server answered 422: <html> [2J bad </html>')
  assert.is(messageOf(''), 'the server answered 422')
  assert.is(messageOf('null'), 'the server answered 422: null')
  assert.ok(messageOf('x'.repeat(100_000)).length < 400)
})

test('answers are read in every shape that servers give them', () => {
  const read = (message: unknown, rest: object = {}): ReturnType<typeof readAnswer> =>
    readAnswer({ choices: [{ message, finish_reason: 'stop' }], ...rest })
  const nothing = { promptTokens: 0, completionTokens: 0 }
  assert.equal(read({ content: 'hi' }), { text: 'hi', finishReason: 'stop', usage: nothing })
  assert.is(read({ content: null, reasoning_content: 'I think' })?.text, '')
  assert.is(read({ role: 'assistant' })?.text, '')
  assert.is(
    read({ content: [{ type: 'text', text: 'a' }, { type: 'image' }, { type: 'text', text: 'b' }] })?.text,
    'ab',
  )
  const usage = { prompt_tokens: 3, completion_tokens: 4 }
  assert.equal(read({ content: 'x' }, { usage })?.usage, { promptTokens: 3, completionTokens: 4 })
  assert.equal(read({ content: 'x' }, { usage: { prompt_tokens: -1, completion_tokens: 4 } })?.usage, {
    promptTokens: 0,
    completionTokens: 4,
  })
  for (const broken of ['much', null, 7, []]) assert.equal(read({ content: 'x' }, { usage: broken })?.usage, nothing)
  const finish = (reason: unknown): string | undefined =>
    readAnswer({ choices: [{ message: { content: 'x' }, finish_reason: reason }] })?.finishReason
  assert.equal(['stop', 'length', 'eos', null].map(finish), ['stop', 'length', 'other', 'other'])
})

test('JSON that is no completion is none', () => {
  const others = [null, 3, 'text', [], {}, { choices: [] }, { choices: [{}] }, { choices: [{ message: 'hi' }] }]
  for (const other of others) assert.is(readAnswer(other), null, JSON.stringify(other))
  assert.is(readAnswer({ error: { message: 'overloaded' } }), null)
})

test('a remote server needs a key and one on this machine does not', () => {
  const find = (baseUrl: string): string => findApiKey({ baseUrl, apiKeyEnv: 'RETRACE_TEST_NO_SUCH_KEY' })
  for (const local of ['http://127.0.0.1:8000/v1', 'http://localhost/v1', 'http://[::1]:9/v1', 'http://127.1.2.3/'])
    assert.ok(find(local).length > 0)
  for (const remote of ['https://api.example.com/v1', 'http://10.0.0.7:8000/v1', 'http://localhost.example.com/v1'])
    assert.throws(
      () => find(remote),
      (error: { code: string; message: string }) => {
        assert.is(error.code, 'API_KEY_MISSING')
        assert.match(error.message, 'RETRACE_TEST_NO_SUCH_KEY is not set')
        return !error.message.includes('\n')
      },
    )
})

test('a key that no header can carry is refused without being said', () => {
  process.env.RETRACE_TEST_KEY = 'sk-first\nsk-second'
  const find = (): string => findApiKey({ baseUrl: 'http://localhost/v1', apiKeyEnv: 'RETRACE_TEST_KEY' })
  assert.throws(find, (error: Error) => /RETRACE_TEST_KEY holds/.test(error.message) && !/sk-/.test(error.message))
  delete process.env.RETRACE_TEST_KEY
})

test('an address that is none, or that carries a key, is refused', () => {
  const isFine = (baseUrl: string): boolean => endpointOptionsSchema.safeParse({ baseUrl, model: 'm' }).success
  assert.ok(isFine('http://127.0.0.1:8000/v1'))
  assert.ok(isFine('https://api.example.com/v1/'))
  for (const bad of ['127.0.0.1:8000', 'ftp://host/v1', 'http://me:secret@host/v1', 'http://host/v1?key=secret', ''])
    assert.not(isFine(bad), bad)
})

test.run()
