import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { ask, codeOf, newClient, newFolder, purpose } from './endpoint-support.js'
import { faultFor, faultKinds, startFaultyProxy, type FaultKind } from './faulty-proxy.js'
import { startFaultyServer, wordsOf } from './faulty-server.js'

const test = suite('endpoint faults')

/** The name of each fault in the ledger; `null` for an answer that is only late. */
const names: Record<FaultKind, string | null> = {
  'status-429': '429',
  'status-500': '500',
  'status-503': '503',
  'cut-before': 'connection',
  'cut-body': 'body',
  'slow-body': null,
  'stalled-body': 'timeout',
  'truncated-json': 'body',
  'wrong-json': 'body',
  'empty-answer': 'empty',
}

for (const kind of faultKinds) {
  test(`an answer met by ${kind} twice comes all the same, and the fault is counted by its name`, async () => {
    const server = await startFaultyServer()
    const shared = { target: server.baseUrl, seed: 1, share: 1, kinds: [kind], maxFaultsPerBody: 2 }
    const proxy = await startFaultyProxy({ ...shared, slowMs: 50, stallMs: 6000 })
    const client = newClient(proxy.baseUrl, newFolder(), { timeoutMs: kind === 'stalled-body' ? 1500 : 20_000 })
    const { text } = await client.complete(ask(1), purpose)
    const [digest, count] = [...proxy.bodies][0]!
    assert.is(text, wordsOf(digest))
    const name = names[kind]
    assert.equal(client.rows[0]!.failures, name === null ? {} : { [name]: 2 })
    assert.is(count.asked, name === null ? 1 : 3)
    // The client may have the last byte before the proxy knows that it was sent.
    for (let looks = 0; looks < 100 && count.answeredWhole === 0; looks++) await sleep(20)
    assert.is(count.answeredWhole, 1)
    assert.is(proxy.faults[kind], name === null ? 1 : 2)
    assert.is(proxy.outlasted, 0)
    await client.dispose()
    await proxy.stop()
    await server.stop()
  })
}

test('through all faults at once nothing is lost, nothing is repeated, and every fault is in the ledger', async () => {
  const server = await startFaultyServer({ delayMs: [0, 5] })
  const proxy = await startFaultyProxy({ target: server.baseUrl, seed: 7, share: 0.5, slowMs: 30 })
  const client = newClient(proxy.baseUrl, newFolder(), { concurrency: 16, timeoutMs: 3000, maxAttempts: 8 })
  const calls = 150
  const numbers = Array.from({ length: calls }, (_, i) => i)
  const codes = await Promise.all(numbers.map((number) => codeOf(client.complete(ask(number), purpose))))
  await client.dispose()
  // A call fails only if its answer is empty three times, and with this seed none is.
  assert.equal(
    codes.filter((code) => code !== null),
    [],
  )
  assert.is(proxy.bodies.size, calls)
  for (const { answeredWhole } of proxy.bodies.values()) assert.is(answeredWhole, 1)

  const counted: Record<string, number> = {}
  for (const { failures } of client.rows)
    for (const [name, times] of Object.entries(failures)) counted[name] = (counted[name] ?? 0) + times
  const done: Record<string, number> = {}
  for (const kind of faultKinds) {
    assert.ok(proxy.faults[kind] > 0, `the schedule has no ${kind}`)
    const name = names[kind]
    if (name !== null) done[name] = (done[name] ?? 0) + proxy.faults[kind]
  }
  assert.equal(counted, done)
  assert.equal(client.rows.map(({ key }) => key).sort(), [...proxy.bodies.keys()].sort())
  await proxy.stop()
  await server.stop()
})

test('what keeps going wrong ends in an error that says what', async () => {
  const server = await startFaultyServer()
  const codesByKind: [FaultKind, string][] = [
    ['status-429', 'ENDPOINT_UNREACHABLE'],
    ['status-500', 'REQUEST_REFUSED'],
    ['cut-before', 'ENDPOINT_UNREACHABLE'],
    ['wrong-json', 'REQUEST_REFUSED'],
    ['empty-answer', 'ANSWER_EMPTY'],
  ]
  for (const [kind, code] of codesByKind) {
    const shared = { target: server.baseUrl, seed: 1, share: 1, kinds: [kind], maxFaultsPerBody: Infinity }
    const proxy = await startFaultyProxy(shared)
    const client = newClient(proxy.baseUrl, newFolder(), { maxAttempts: 4 })
    assert.is(await codeOf(client.complete(ask(1), purpose)), code, kind)
    assert.is(proxy.faults[kind], kind === 'empty-answer' ? 3 : 4)
    assert.equal(client.rows, [])
    await client.dispose()
    await proxy.stop()
  }
  await server.stop()
})

test('a schedule of faults hangs on seed, body and attempt alone', () => {
  const draw = (seed: number, share: number): (FaultKind | null)[] =>
    Array.from({ length: 1000 }, (_, i) => faultFor({ seed, share }, `body ${i}`, i % 3))
  assert.equal(draw(1, 0.3), draw(1, 0.3))
  assert.is.not(JSON.stringify(draw(1, 0.3)), JSON.stringify(draw(2, 0.3)))
  const met = draw(1, 0.3).filter((kind) => kind !== null).length
  assert.ok(met > 240 && met < 360, `${met} of 1000 met a fault, with a share of 0.3`)
  assert.is(new Set(draw(1, 1)).size, faultKinds.length)
  assert.ok(draw(1, 0).every((kind) => kind === null))
})

test.run()
