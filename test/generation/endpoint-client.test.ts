import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { RetraceError } from '../../src/core/index.js'
import { callSchema } from '../../src/records/index.js'
import { ask, codeOf, filesBelow, newClient, newFolder, purpose, until } from './endpoint-support.js'
import { completionOf, startFaultyServer, wordsOf, type Asked, type Reply } from './faulty-server.js'

const test = suite('endpoint client')

const schema = { name: 'plan', schema: { type: 'object', properties: {}, additionalProperties: false } }

test('an answer is asked for once, kept whole, and handed out again without a call', async () => {
  const server = await startFaultyServer()
  const folder = newFolder()
  const first = newClient(server.baseUrl, folder, { temperature: 0.5 })
  const [completion, same] = await Promise.all([first.complete(ask(1), purpose), first.complete(ask(1), purpose)])
  const again = await first.complete(ask(1), { ...purpose, path: 'b.ts' })
  await first.dispose()
  const [asked] = server.asked
  assert.is(server.asked.length, 1)
  assert.equal([same, again], [completion, completion])
  assert.is(completion.text, wordsOf(asked!.digest))
  assert.equal(asked!.body, {
    model: 'fake',
    messages: [{ role: 'user', content: 'Question 1' }],
    max_tokens: 64,
    temperature: 0.5,
    top_p: 1,
    seed: 1,
    stream: false,
  })

  const record = callSchema.parse(JSON.parse(Buffer.from(first.blobs.get(completion.call)).toString('utf8')))
  assert.equal(record.request, asked!.body)
  assert.equal(record.response, completionOf(asked!.digest, completion.text))
  const row = { key: asked!.digest, ...purpose, usage: { promptTokens: 10, completionTokens: 5 }, failures: {} }
  assert.equal(first.rows, [{ ...row, paid: true }])
  assert.equal([...filesBelow(folder).keys()], [`${asked!.digest.slice(0, 2)}/${asked!.digest}.json`])

  // Answers in the cache need no server.
  await server.stop()
  const second = newClient(server.baseUrl, folder, { temperature: 0.5, budget: { calls: 0 } })
  assert.equal(await second.complete(ask(1), purpose), completion)
  assert.equal(second.rows, [{ ...row, paid: false }])
  await second.dispose()
})

test('another model, parameter, seed or message is another call; another address is not', async () => {
  const servers = [await startFaultyServer(), await startFaultyServer()]
  const folder = newFolder()
  for (const options of [
    {},
    { model: 'other' },
    { temperature: 0 },
    { topP: 0.5 },
    { concurrency: 1, timeoutMs: 9999 },
  ]) {
    const client = newClient(servers[0]!.baseUrl, folder, options)
    await client.complete(ask(1), purpose)
    await client.dispose()
  }
  const client = newClient(servers[1]!.baseUrl, folder)
  await client.complete(ask(1), purpose)
  assert.equal([servers[0]!.asked.length, servers[1]!.asked.length], [4, 0])
  await client.complete({ ...ask(1), seed: 2 }, purpose)
  await client.complete({ ...ask(1), maxNewTokens: 9 }, purpose)
  assert.is(servers[1]!.asked.length, 2)
  await client.dispose()
  await Promise.all(servers.map((server) => server.stop()))
})

test('two clients, each with a process of its own, that want the same at once ask once', async () => {
  const server = await startFaultyServer({ delayMs: [50, 80] })
  const folder = newFolder()
  const clients = [newClient(server.baseUrl, folder), newClient(server.baseUrl, folder)]
  const numbers = Array.from({ length: 20 }, (_, i) => i)
  const both = await Promise.all(
    clients.map((client) => Promise.all(numbers.map((number) => client.complete(ask(number), purpose)))),
  )
  assert.equal(both[0], both[1])
  assert.is(server.asked.length, 20)
  const paid = clients.map(({ rows }) => rows.filter((row) => row.paid).length)
  assert.is(paid[0]! + paid[1]!, 20)
  assert.equal(
    clients.map(({ rows }) => rows.length),
    [20, 20],
  )
  await Promise.all(clients.map((client) => client.dispose()))
  await server.stop()
})

test('a record that was cut, changed, or is that of another call is asked for again', async () => {
  const server = await startFaultyServer()
  const folder = newFolder()
  const client = newClient(server.baseUrl, folder)
  const first = await client.complete(ask(1), purpose)
  await client.complete(ask(2), purpose)
  const [path, otherPath] = server.asked.map(({ digest }) => join(folder, digest.slice(0, 2), `${digest}.json`))
  const good = readFileSync(path!, 'utf8')
  const damaged = [
    good.slice(0, good.length / 2),
    '',
    good.replace('Question 1', 'Question 9'),
    good.replace('"finishReason":"stop"', '"finishReason":"done"'),
    readFileSync(otherPath!, 'utf8'),
  ]
  for (const [index, bytes] of damaged.entries()) {
    assert.is.not(bytes, good)
    writeFileSync(path!, bytes)
    assert.equal(await client.complete(ask(1), purpose), first)
    assert.is(server.asked.length, 3 + index)
    assert.is(readFileSync(path!, 'utf8'), good)
  }
  await client.dispose()
  await server.stop()
})

test('never are more calls paid for than the budget has, and what is cached still answers', async () => {
  const server = await startFaultyServer({ delayMs: [5, 30] })
  const folder = newFolder()
  const client = newClient(server.baseUrl, folder, { budget: { calls: 7 }, concurrency: 4 })
  const codes = await Promise.all(Array.from({ length: 40 }, (_, i) => codeOf(client.complete(ask(i), purpose))))
  assert.is(codes.filter((code) => code === null).length, 7)
  assert.is(codes.filter((code) => code === 'BUDGET_SPENT').length, 33)
  assert.is(server.asked.length, 7)
  const answeredIndex = codes.indexOf(null)
  assert.is(await codeOf(client.complete(ask(answeredIndex), purpose)), null)
  assert.is(await codeOf(client.complete(ask(99), purpose)), 'BUDGET_SPENT')
  assert.is(server.asked.length, 7)
  await client.dispose()
  await server.stop()
})

test('a call that another paid for, or that failed, takes nothing from the budget', async () => {
  const server = await startFaultyServer({
    delayMs: [30, 40],
    reply: ({ body }) => (body.seed === 8 ? { status: 400, body: 'no' } : null),
  })
  const folder = newFolder()
  const payer = newClient(server.baseUrl, folder)
  const sparing = newClient(server.baseUrl, folder, { budget: { calls: 1 } })
  const paidElsewhere = payer.complete(ask(1), purpose)
  await until(() => server.asked.length === 1, 'the first call is under way')
  await Promise.all([paidElsewhere, sparing.complete(ask(1), purpose)])
  assert.is(await codeOf(sparing.complete(ask(8), purpose)), 'REQUEST_REFUSED')
  assert.is(await codeOf(sparing.complete(ask(2), purpose)), null)
  assert.is(await codeOf(sparing.complete(ask(3), purpose)), 'BUDGET_SPENT')
  await Promise.all([payer.dispose(), sparing.dispose()])
  await server.stop()
})

test('no call is begun once the tokens are spent, also where the server does not count them', async () => {
  const silent = ({ digest }: Asked): Reply => {
    const { usage: _usage, ...rest } = completionOf(digest, 'x'.repeat(400))
    return { body: rest }
  }
  for (const reply of [undefined, silent]) {
    const server = await startFaultyServer(reply === undefined ? {} : { reply })
    // A call has 15 tokens if the server counts them, and is estimated at a little over 100 otherwise.
    const tokens = reply === undefined ? 31 : 201
    const client = newClient(server.baseUrl, newFolder(), { budget: { tokens }, concurrency: 1 })
    const codes = await Promise.all(Array.from({ length: 9 }, (_, i) => codeOf(client.complete(ask(i), purpose))))
    assert.is(server.asked.length, reply === undefined ? 3 : 2)
    assert.is(codes.filter((code) => code === 'BUDGET_SPENT').length, reply === undefined ? 6 : 7)
    if (reply !== undefined) assert.equal(client.rows[0]!.usage, { promptTokens: 0, completionTokens: 0 })
    await client.dispose()
    await server.stop()
  }
})

test('so many calls run at once and no more, and a slow one holds up nobody else', async () => {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  const server = await startFaultyServer({
    delayMs: [5, 10],
    reply: async ({ body }) => {
      if (body.seed === 0) await gate
      return null
    },
  })
  const client = newClient(server.baseUrl, newFolder(), { concurrency: 3 })
  const slow = client.complete(ask(0), purpose)
  await Promise.all(Array.from({ length: 20 }, (_, i) => client.complete(ask(i + 1), purpose)))
  assert.is(server.answered.size, 20)
  open()
  await slow
  assert.is(server.mostAtOnce(), 3)
  // They are sent in the order in which they were asked for, three at once.
  const order = server.asked.map(({ body }) => Number(body.seed))
  assert.ok(
    order.every((seed, at) => Math.abs(seed - at) <= 2),
    order.join(' '),
  )
  await client.dispose()
  await server.stop()
})

test('a form that the server refuses is asked for once in its life, and what it takes is remembered', async () => {
  for (const [status, takes] of [
    [400, 'json_object'],
    [422, undefined],
  ] as const) {
    const server = await startFaultyServer({
      reply: ({ body }) => {
        const format = (body.response_format as { type: string } | undefined)?.type
        return format === undefined || format === takes ? null : { status, body: { detail: 'unknown field' } }
      },
    })
    const folder = newFolder()
    const refused = takes === undefined ? 2 : 1
    const first = newClient(server.baseUrl, folder)
    await first.complete(ask(1, schema), purpose)
    assert.is(server.asked.length, refused + 1)
    assert.equal(first.rows[0]!.failures, { [status]: refused })
    await first.complete(ask(2, schema), purpose)
    await first.dispose()
    const second = newClient(server.baseUrl, folder)
    await second.complete(ask(1, schema), purpose)
    await second.complete(ask(3, schema), purpose)
    await second.dispose()
    assert.is(server.asked.length, refused + 3)
    await server.stop()
  }
})

test('an answer under a stronger form is still found after a weaker one was learned', async () => {
  const server = await startFaultyServer({
    reply: ({ body }) => (body.response_format !== undefined && body.seed === 2 ? { status: 400, body: 'no' } : null),
  })
  const folder = newFolder()
  const first = newClient(server.baseUrl, folder)
  const completion = await first.complete(ask(1, schema), purpose)
  await first.complete(ask(2, schema), purpose)
  await first.dispose()
  const second = newClient(server.baseUrl, folder)
  assert.equal(await second.complete(ask(1, schema), purpose), completion)
  assert.is(server.asked.length, 4)
  await second.dispose()
  await server.stop()
})

test('a request that is refused in every form teaches nothing, and a form that was chosen is kept to', async () => {
  const server = await startFaultyServer({
    reply: ({ body }) => (body.seed === 1 || body.model === 'strict' ? { status: 400, body: 'no' } : null),
  })
  const folder = newFolder()
  const client = newClient(server.baseUrl, folder)
  assert.is(await codeOf(client.complete(ask(1, schema), purpose)), 'REQUEST_REFUSED')
  await client.complete(ask(2, schema), purpose)
  const last = server.asked.at(-1)!.body.response_format
  assert.equal(last, { type: 'json_schema', json_schema: { ...schema, strict: true } })
  await client.dispose()
  const strict = newClient(server.baseUrl, folder, { structuredOutput: 'json-object', model: 'strict' })
  assert.is(await codeOf(strict.complete(ask(3, schema), purpose)), 'REQUEST_REFUSED')
  assert.equal(server.asked.at(-1)!.body.response_format, { type: 'json_object' })
  assert.is(server.asked.length, 5)
  await strict.dispose()
  await server.stop()
})

test('the key is sent, and stands in no file, no message and no answer', async () => {
  const secret = `sk-test-${createHash('sha256').update(String(process.pid)).digest('hex')}`
  process.env.RETRACE_TEST_KEY = secret
  const server = await startFaultyServer({
    reply: ({ body, digest, headers }) => {
      const message = `${'.'.repeat(Number(body.seed) * 270)} wrong key ${headers.authorization}`
      if (Number(body.seed) < 2) return { status: 401, body: { error: { message: message } } }
      if (body.seed === 2) return { body: completionOf(digest, `you sent ${headers.authorization}`) }
      return null
    },
  })
  const folder = newFolder()
  const refused = newClient(server.baseUrl, folder, { apiKeyEnv: 'RETRACE_TEST_KEY' })
  const errors = [0, 1].map((number) =>
    refused.complete(ask(number), purpose).then(
      () => assert.unreachable(),
      (thrown: Error & { code: string; details: unknown }) => thrown,
    ),
  )
  // The second message is so long that it is cut where the key was.
  const [error, cutError] = (await Promise.all(errors)) as (Error & { code: string; details: unknown })[]
  assert.is(error!.code, 'ENDPOINT_REFUSED')
  assert.match(error!.message, 'wrong key Bearer [key]')
  assert.ok(cutError!.message.includes('wrong key') && !cutError!.message.includes('sk-'))
  const client = newClient(server.baseUrl, folder, { apiKeyEnv: 'RETRACE_TEST_KEY' })
  const echoed = await client.complete(ask(2), purpose)
  await client.complete(ask(3), purpose)
  assert.is(echoed.text, 'you sent Bearer [key]')
  assert.is(server.asked[0]!.headers.authorization, `Bearer ${secret}`)
  const blobs = client.rows.length === 2 ? Buffer.from(client.blobs.get(echoed.call)).toString('utf8') : ''
  assert.ok(blobs.includes('[key]'))
  const texts = [
    error!.message,
    String(error!.stack),
    JSON.stringify(error!.details),
    blobs,
    JSON.stringify(client.rows),
  ]
  const files = filesBelow(folder)
  assert.is(files.size, 2)
  for (const text of [...texts, ...[...files.values()].map(String)]) assert.not(text.includes(secret))
  delete process.env.RETRACE_TEST_KEY
  await refused.dispose()
  await client.dispose()
  await server.stop()
})

test('without a server, the error says where it looked and what to do', async () => {
  const server = await startFaultyServer()
  await server.stop()
  const client = newClient(server.baseUrl, newFolder(), { maxAttempts: 3 })
  const error = await client.complete(ask(1), purpose).catch((thrown: Error & { code: string }) => thrown)
  assert.ok(error instanceof RetraceError)
  assert.is(error.code, 'ENDPOINT_UNREACHABLE')
  assert.match(error.message, `${server.baseUrl} was asked 3 times`)
  assert.match(error.message, 'ECONNREFUSED')
  assert.match(error.message, 'Is it running')
  await client.dispose()
})

test('a server that refuses all calls is asked by those under way and by no other', async () => {
  const server = await startFaultyServer({ reply: () => ({ status: 403, body: { error: { message: 'no' } } }) })
  const client = newClient(server.baseUrl, newFolder(), { concurrency: 2 })
  const codes = await Promise.all(Array.from({ length: 20 }, (_, at) => codeOf(client.complete(ask(at), purpose))))
  assert.equal(new Set(codes), new Set(['ENDPOINT_REFUSED']))
  assert.ok(server.asked.length <= 4, `it was asked ${server.asked.length} times`)
  assert.is(await codeOf(client.complete(ask(99), purpose)), 'ENDPOINT_REFUSED')
  await client.dispose()
  await server.stop()
})

test('a prompt that is too long is told from other refusals, wherever the body says so', async () => {
  const message = "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens"
  const server = await startFaultyServer({ reply: () => ({ status: 400, body: { object: 'error', message } }) })
  const client = newClient(server.baseUrl, newFolder())
  assert.is(await codeOf(client.complete(ask(1, schema), purpose)), 'CONTEXT_TOO_LONG')
  // Another form of the answer would not help, so none is tried.
  assert.is(server.asked.length, 1)
  await client.dispose()
  await server.stop()
})

test('an answer that ends at its limit of tokens is an answer', async () => {
  const server = await startFaultyServer({
    reply: ({ digest }) => ({ body: completionOf(digest, 'half a', 'length') }),
  })
  const client = newClient(server.baseUrl, newFolder())
  const { text, finishReason } = await client.complete(ask(1), purpose)
  assert.equal([text, finishReason], ['half a', 'length'])
  await client.dispose()
  await server.stop()
})

test('a caller that is killed is replaced, and what it had brought home is not asked for again', async () => {
  const waiting: (() => void)[] = []
  const server = await startFaultyServer({
    reply: async ({ body, before }) => {
      if (body.seed === 2 && before === 0) await new Promise<void>((resolve) => waiting.push(resolve))
      return null
    },
  })
  const folder = newFolder()
  const client = newClient(server.baseUrl, folder)
  await client.complete(ask(1), purpose)
  const second = client.complete(ask(2), purpose)
  await until(() => waiting.length === 1, 'the second call is under way')
  const [, lock] = [...filesBelow(folder)].find(([path]) => path.endsWith('.lock'))!
  process.kill(Number(String(lock).split(' ')[0]), 'SIGKILL')
  await second
  await client.complete(ask(1), purpose)
  assert.equal(
    server.asked.map(({ body }) => body.seed),
    [1, 2, 2],
  )
  assert.not([...filesBelow(folder).keys()].some((path) => path.endsWith('.lock')))
  waiting[0]!()
  await client.dispose()
  await server.stop()
})

test('a stop ends the wait at once, and what was on its way is kept all the same', async () => {
  for (const way of ['signal', 'dispose'] as const) {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const server = await startFaultyServer({
      reply: async () => {
        await gate
        return null
      },
    })
    const folder = newFolder()
    const stopping = new AbortController()
    const client = newClient(server.baseUrl, folder, { signal: stopping.signal, concurrency: 2 })
    const codes = Promise.all([1, 2, 3].map((number) => codeOf(client.complete(ask(number), purpose))))
    await until(() => server.asked.length === 2, 'two calls are under way')
    if (way === 'signal') stopping.abort()
    else await client.dispose()
    assert.equal(await codes, ['ABORTED', 'ABORTED', 'ABORTED'])
    assert.is(await codeOf(client.complete(ask(4), purpose)), 'ABORTED')
    // The next run starts while the calls of the first run are under way: it waits for them, and makes the third call.
    const next = newClient(server.baseUrl, folder)
    const answers = Promise.all([1, 2, 3].map((number) => next.complete(ask(number), purpose)))
    await until(() => server.asked.length === 3, 'the third call is under way')
    open()
    await answers
    assert.is(server.asked.length, 3)
    assert.equal(next.rows.map(({ paid }) => paid).sort(), [false, false, true])
    await next.dispose()
    await client.dispose()
    await server.stop()
  }
})

test('an answer that says nothing and was paid for is kept as any other: it is not asked for again', async () => {
  const server = await startFaultyServer({ reply: ({ digest }) => ({ body: completionOf(digest, null, 'length') }) })
  const folder = newFolder()
  for (const paid of [true, false]) {
    const client = newClient(server.baseUrl, folder, { budget: { tokens: 15 } })
    const error = await client.complete(ask(1), purpose).catch((thrown: Error & { code: string }) => thrown)
    assert.is((error as { code?: string }).code, 'ANSWER_EMPTY')
    assert.match((error as Error).message, /said nothing \(it ended by "length"\).*allow it more tokens/)
    assert.equal(
      client.rows.map(({ paid, usage, failures }) => ({ paid, usage, failures })),
      [{ paid, usage: { promptTokens: 10, completionTokens: 5 }, failures: {} }],
    )
    // Its tokens count like those of any other call.
    if (paid) assert.is(await codeOf(client.complete(ask(2), purpose)), 'BUDGET_SPENT')
    await client.dispose()
  }
  assert.is(server.asked.length, 1)
  await server.stop()
})

test('a server that refuses every call is not asked on and on; one that has answered may refuse many', async () => {
  for (const answersFirst of [false, true]) {
    const server = await startFaultyServer({
      reply: ({ body }) =>
        body.seed === 0 && answersFirst ? null : { status: 400, body: { detail: 'No model fake.' } },
    })
    const client = newClient(server.baseUrl, newFolder(), { concurrency: 1 })
    const codes: (string | null)[] = []
    for (let number = 0; number < 5; number++) codes.push(await codeOf(client.complete(ask(number), purpose)))
    const refused = 'REQUEST_REFUSED'
    const expected = answersFirst
      ? [null, ...Array<string>(4).fill(refused)]
      : [refused, refused, ...Array<string>(3).fill('ENDPOINT_REFUSED')]
    assert.equal(codes, expected)
    await client.dispose()
    await server.stop()
  }
})

test('where no answer comes in time, the error names the limit', async () => {
  const server = await startFaultyServer({ delayMs: [400, 400] })
  const client = newClient(server.baseUrl, newFolder(), { timeoutMs: 50, maxAttempts: 2 })
  const error = await client.complete(ask(1), purpose).catch((thrown: Error & { code: string }) => thrown)
  assert.match((error as Error).message, /asked 2 times.*It had 50 ms: raise timeoutMs/)
  await client.dispose()
  await server.stop()
})

test('where answers cannot be kept, no more of them are paid for', async () => {
  const folder = newFolder()
  const server = await startFaultyServer({
    reply: ({ digest }) => {
      // A file in the place of the folder makes every write fail, as a full disk does.
      rmSync(join(folder, digest.slice(0, 2)), { recursive: true })
      writeFileSync(join(folder, digest.slice(0, 2)), '')
      return null
    },
  })
  const client = newClient(server.baseUrl, folder, { concurrency: 1 })
  const errors = await Promise.all(
    [1, 2, 3, 4].map((number) =>
      client.complete(ask(number), purpose).then(
        () => assert.unreachable(),
        ({ code, message }: Error & { code: string }) => ({ code, message }),
      ),
    ),
  )
  assert.is(server.asked.length, 1)
  for (const error of errors) {
    assert.is(error?.code, 'CALLS_BROKEN')
    assert.ok(error?.message.includes(folder) && error.message.includes('room on the disk'), error?.message)
  }
  await client.dispose()
  await server.stop()
})

test('a key whose holder is gone is taken over', async () => {
  const server = await startFaultyServer()
  const folder = newFolder()
  const probe = newClient(server.baseUrl, newFolder())
  await probe.complete(ask(1), purpose)
  await probe.dispose()
  const { digest } = server.asked[0]!
  mkdirSync(join(folder, digest.slice(0, 2)))
  // No process has this number: the kernel gives out no number so high.
  writeFileSync(join(folder, digest.slice(0, 2), `${digest}.lock`), `99999999 ${hostname()} 1`)
  const client = newClient(server.baseUrl, folder)
  await client.complete(ask(1), purpose)
  assert.equal([...filesBelow(folder).keys()], [`${digest.slice(0, 2)}/${digest}.json`])
  await client.dispose()
  await server.stop()
})

test.run()
