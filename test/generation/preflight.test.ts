import { cpSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { RetraceError, packageRoot } from '../../src/core/index.js'
import {
  checkApiKey,
  checkPrompts,
  generationOptionsSchema,
  probeEndpoint,
  type GenerationOptions,
} from '../../src/generation/index.js'
import { startFaultyServer, type Reply } from './faulty-server.js'

const test = suite('preflight of a generator')
const keyName = 'RETRACE_TEST_PREFLIGHT_KEY'
const narrator = generationOptionsSchema.parse({ kind: 'narrator' })

const endpoint = (baseUrl: string, more: object = {}): GenerationOptions =>
  generationOptionsSchema.parse({ kind: 'endpoint', baseUrl, model: 'fake', apiKeyEnv: keyName, ...more })

/** The message of an error, which must have this code and be one line. */
function messageOf(error: unknown, code: string): string {
  assert.ok(error instanceof RetraceError, String(error))
  assert.is(error.code, code)
  assert.not.match(error.message, /\n/)
  return error.message
}

function refusal(code: string, check: () => unknown): string {
  try {
    check()
  } catch (error) {
    return messageOf(error, code)
  }
  throw new Error(`${code} was not thrown`)
}

async function probeRefusal(code: string, options: GenerationOptions, limits = {}): Promise<string> {
  const error: unknown = await probeEndpoint(options, limits).then(
    (probe) => new Error(`the probe passed: ${JSON.stringify(probe)}`),
    (thrown: unknown) => thrown,
  )
  return messageOf(error, code)
}

/** Runs a test with this key in the environment. */
async function withKey(key: string | undefined, run: () => Promise<void>): Promise<void> {
  if (key === undefined) delete process.env[keyName]
  else process.env[keyName] = key
  await run().finally(() => delete process.env[keyName])
}

test('the prompts that are shipped pass, and no server is asked for them', async () => {
  const server = await startFaultyServer()
  checkPrompts(endpoint(server.baseUrl))
  checkPrompts(narrator)
  assert.is(server.asked.length + server.gets.length, 0)
  await server.stop()
})

test('a folder with a prompt that is missing, does not parse or uses an unknown fact is refused with the file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-prompts-'))
  const options = endpoint('http://127.0.0.1:1/v1', { promptsDir: folder })
  const next = /leave promptsDir out to use the shipped prompts\.$/
  const missing = refusal('PROMPT_INVALID', () => checkPrompts(options))
  assert.ok(missing.startsWith(`${join(folder, 'main.md')}: there is no prompt for main.`), missing)
  assert.match(missing, next)
  cpSync(join(packageRoot(), 'prompts'), folder, { recursive: true })
  checkPrompts(options)
  const rewriter = join(folder, 'rewriter.md')
  const cases: [text: string, line: number, what: RegExp][] = [
    ['Rewrite it.', 1, /block of JSON/],
    ['---\n{\n "role":\n---\n', 2, /is not JSON/],
    ['---\n{"role":"rewriter","version":"one","facts":[1]}\n---\n', 2, /version.*facts/],
    ['---\n{"role":"rewriter","version":1,"facts":["weather"]}\n---\n', 2, /no fact "weather"/],
    [
      '---\n{"role":"rewriter","version":1,"facts":["best"]}\n---\n## System\nx\n## User\n{{best}} {{tried}}\n',
      7,
      /uses "tried"/,
    ],
  ]
  for (const [text, line, what] of cases) {
    writeFileSync(rewriter, text)
    const message = refusal('PROMPT_INVALID', () => checkPrompts(options))
    assert.ok(message.startsWith(`${rewriter}:${line}: `), message)
    assert.match(message, what)
    assert.match(message, next)
  }
})

test('a server elsewhere needs a key, one on this machine and the narrator need none', async () => {
  const elsewhere = endpoint('https://api.example.com/v1')
  await withKey(undefined, async () => {
    const message = refusal('API_KEY_MISSING', () => checkApiKey(elsewhere))
    assert.match(message, new RegExp(`${keyName} is not set\\. Set it to your key`))
    assert.match(await probeRefusal('API_KEY_MISSING', elsewhere), /is not set/)
    checkApiKey(endpoint('http://127.0.0.1:8000/v1'))
    checkApiKey(narrator)
  })
  await withKey('sk-anything', () => Promise.resolve(checkApiKey(elsewhere)))
})

test('a server that lists its models is asked for the list alone, without content and with the key', async () => {
  const server = await startFaultyServer({
    onGet: () => ({ body: { object: 'list', data: [{ id: 'fake' }, { id: 'other' }, { name: 'no id' }, null] } }),
  })
  await withKey('sk-anything', async () => {
    assert.equal(await probeEndpoint(endpoint(server.baseUrl)), { status: 200, models: ['fake', 'other'] })
    assert.equal(await probeEndpoint(endpoint(`${server.baseUrl}/`)), { status: 200, models: ['fake', 'other'] })
  })
  assert.equal(
    server.gets.map(({ path, sizeBytes, headers }) => [path, sizeBytes, headers.authorization]),
    Array<unknown>(2).fill(['/v1/models', 0, 'Bearer sk-anything']),
  )
  assert.is(server.asked.length, 0)
  await server.stop()
})

test('a server that answers in any other way is there too', async () => {
  const replies: Reply[] = [
    { status: 404, body: { detail: 'Not Found' } },
    { status: 405, body: '' },
    { status: 403, body: { error: { message: 'Missing scopes: api.model.read' } } },
    { status: 401, body: { error: { message: 'Missing scopes: api.model.read' } } },
    { status: 503, body: 'loading the model' },
    { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
    { status: 200, body: '<html></html>' },
    { status: 200, body: 'null' },
    { status: 200, body: { models: [] } },
  ]
  let next: Reply = { body: '' }
  const server = await startFaultyServer({ onGet: () => next })
  for (const reply of replies) {
    next = reply
    assert.equal(await probeEndpoint(endpoint(server.baseUrl)), { status: reply.status, models: null })
  }
  assert.equal([server.asked.length, server.gets.length], [0, replies.length])
  await server.stop()
})

test('a key that the server does not accept is refused, and is not in the message', async () => {
  const key = 'sk-0123456789-secret'
  const server = await startFaultyServer({
    onGet: () => ({ status: 401, body: { error: { message: `Incorrect API key provided: ${key}` } } }),
  })
  await withKey(key, async () => {
    const message = await probeRefusal('ENDPOINT_REFUSED', endpoint(server.baseUrl))
    assert.not.match(message, /0123456789/)
    assert.match(message, new RegExp(`401: Incorrect API key provided: \\[key\\]\\)\\. Set ${keyName} to a key`))
  })
  assert.is(server.asked.length, 0)
  await server.stop()
})

test('where nothing answers, the error says what was tried and what to do', async () => {
  const server = await startFaultyServer()
  await server.stop()
  const message = await probeRefusal('ENDPOINT_UNREACHABLE', endpoint(server.baseUrl))
  assert.ok(message.startsWith(`${server.baseUrl} does not answer: `) && message.includes('ECONNREFUSED'), message)
  assert.match(message, /Start the server, or correct baseUrl/)
})

test('a server that keeps silent is given up after the time limit, or at once when the run is stopped', async () => {
  let answer = (): void => {}
  const silence = new Promise<void>((resolve) => (answer = resolve))
  const server = await startFaultyServer({ onGet: () => silence.then(() => ({ body: '' })) })
  const late = await probeRefusal('ENDPOINT_UNREACHABLE', endpoint(server.baseUrl), { timeoutMs: 50 })
  assert.match(late, /no answer came within 50 ms/)
  const stopping = new AbortController()
  const stopped = probeRefusal('ABORTED', endpoint(server.baseUrl), { signal: stopping.signal })
  // The answer comes right after the stop: a probe that did not heed the stop would pass.
  stopping.abort()
  answer()
  await stopped
  await server.stop()
})

test('the narrator has no endpoint', async () => assert.is(await probeEndpoint(narrator), null))

test.run()
