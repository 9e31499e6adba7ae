import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { trajectorySchema, type LedgerRow } from '../../../src/records/index.js'
import { digestFolder, runCli, tinyModel, type CliResult, type Stop } from '../../cli/run-cli.js'
import { faultKinds, startFaultyProxy } from '../../generation/faulty-proxy.js'
import { completionOf, startFaultyServer, wordsOf, type Asked, type Reply } from '../../generation/faulty-server.js'
import { smallProject, writeRepository } from '../../support.js'

const test = suite('a run with a language model')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-endpoint-run-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))
const repositories = [writeRepository(smallProject), join(process.cwd(), 'node_modules', 'picocolors')]

/** Sentences that differ from body to body; a few answers of no use, as models give them. */
function answerAsModel({ digest }: Asked): Reply {
  const words = wordsOf(digest)
  const useless = Number.parseInt(digest.slice(0, 4), 16) % 7 === 0
  const text = useless ? '{"requirements": 7, "files": [' : `I think of ${words}. That is what the next part needs.`
  return { body: completionOf(digest, text) }
}

function writeConfig(
  name: string,
  baseUrl: string,
  generation: { concurrency?: number; maxAttempts?: number } = {},
): string {
  const path = join(scratch, `${name}.json`)
  const endpoint = { kind: 'endpoint', baseUrl, model: 'fake', cacheDir: join(scratch, `cache-${name}`) }
  writeFileSync(
    path,
    JSON.stringify({
      generation: { ...endpoint, maxRetryWaitMs: 20, maxAttempts: 8, timeoutMs: 2_000, maxAsks: 1, ...generation },
      workers: { synthesis: generation.concurrency ?? 8 },
      synthesis: { maxActionBytes: 1000, maxReadBytes: 400, maxReadsPerFile: 2, debugging: { share: 1 } },
      search: { rounds: 1, maxThoughtTokens: 500 },
      packing: { sequenceLength: 8192, formats: ['parquet'] },
    }),
  )
  return path
}

function start(out: string, config: string, more: readonly string[] = [], stop?: Stop): Promise<CliResult> {
  const args = ['run', ...repositories, '--out', join(scratch, out), '--config', config, '--model', tinyModel]
  return runCli([...args, ...more], stop)
}

function ledgerOf(out: string): LedgerRow[] {
  const lines = readFileSync(join(scratch, out, 'ledger.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
  return lines.map((line) => JSON.parse(line) as LedgerRow).filter((row) => 'key' in row)
}

/** All but what tells times, costs and addresses. */
const bytesOf = (out: string): Record<string, string> =>
  digestFolder(join(scratch, out), ['report.html', 'timings.jsonl', 'ledger.jsonl', 'config.json', 'manifest.json'])

test('every word of a trajectory says where it comes from, and each call is kept whole', async () => {
  const server = await startFaultyServer({ reply: answerAsModel })
  try {
    const { code, stderr, stdout } = await start('whole', writeConfig('whole', server.baseUrl))
    assert.is(code, 0, stderr)
    assert.match(stdout, /\d+ calls of a language model, \d+ tokens; \d+ paid here/)
    const asked = new Set(server.asked.map(({ digest }) => digest))
    assert.is(asked.size, server.asked.length, 'a body was asked for twice')
    assert.equal(new Set(ledgerOf('whole').map(({ key }) => key)), asked)
    let byModel = 0
    for (const name of readdirSync(join(scratch, 'whole', 'trajectories'))) {
      const path = join(scratch, 'whole', 'trajectories', name)
      const trajectory = trajectorySchema.parse(JSON.parse(readFileSync(path, 'utf8')))
      assert.is(trajectory.generator.model, 'fake')
      assert.ok(trajectory.generator.prompts.length > 3 && trajectory.tools.length === 4)
      for (const { thought } of trajectory.episodes.flatMap((episode) => episode.steps)) {
        if (thought === null) continue
        // Either a model's call, or the narrator's facts; never neither.
        assert.ok((thought.call === undefined) === thought.facts.length > 0, thought.text)
        if (thought.call === undefined) continue
        byModel++
        const blob = join(scratch, 'whole', 'blobs', thought.call.slice(0, 2), thought.call)
        const call = JSON.parse(readFileSync(blob, 'utf8')) as { key: string; text: string; request: { model: string } }
        assert.ok(asked.has(call.key))
        assert.ok(call.text.includes(thought.text.slice(0, 20)), 'the thought is not in the answer')
        assert.is(call.request.model, 'fake')
      }
    }
    assert.ok(byModel > 10, `only ${byModel} thoughts by the model`)
  } finally {
    await server.stop()
  }
})

test('through a proxy that does what networks do, nothing is lost, repeated or uncounted', async () => {
  const server = await startFaultyServer({ reply: answerAsModel })
  const kinds = faultKinds.filter((kind) => kind !== 'stalled-body' && kind !== 'status-429')
  const proxy = await startFaultyProxy({ target: server.baseUrl, seed: 3, share: 0.5, kinds, slowMs: 30 })
  try {
    const { code, stderr } = await start('faulty', writeConfig('faulty', proxy.baseUrl))
    assert.is(code, 0, stderr)
    assert.equal(bytesOf('faulty'), bytesOf('whole'))
    for (const [digest, { answeredWhole }] of proxy.bodies) assert.is(answeredWhole, 1, digest)
    // A slow body is whole; all others had to be asked for again, and each is in the ledger.
    const done = Object.entries(proxy.faults).filter(([kind]) => kind !== 'slow-body')
    const faults = done.reduce((sum, [, count]) => sum + count, 0)
    const counted = ledgerOf('faulty').flatMap(({ failures }) => Object.values(failures))
    assert.ok(faults > 20, `only ${faults} faults`)
    assert.is(
      counted.reduce((sum, count) => sum + count, 0),
      faults,
    )
  } finally {
    await proxy.stop()
    await server.stop()
  }
})

test('a run that is killed again and again ends in the same bytes, and no call is made twice', async () => {
  const server = await startFaultyServer({ reply: answerAsModel, delayMs: [5, 40] })
  try {
    const config = writeConfig('killed', server.baseUrl, { concurrency: 4 })
    let kills = 0
    for (let lifeMs = 500; lifeMs < 60_000; lifeMs = Math.round(lifeMs * 1.15)) {
      const { code, stderr } = await start('killed', config, [], { afterMs: lifeMs, signal: 'SIGKILL' })
      if (code === 0) break
      assert.is(code, null, `it failed by itself: ${stderr}`)
      kills++
    }
    assert.ok(kills >= 6, `it was killed only ${kills} times`)
    assert.equal(bytesOf('killed'), bytesOf('whole'))
    const digests = server.asked.map(({ digest }) => digest)
    assert.is(digests.length, new Set(digests).size, 'a call was made twice')
  } finally {
    await server.stop()
  }
})

test('a spent budget leaves a whole dataset, and a larger one goes on to the same bytes', async () => {
  const server = await startFaultyServer({ reply: answerAsModel })
  try {
    const config = writeConfig('budget', server.baseUrl, { concurrency: 1 })
    const none = await start('budget', config, ['--budget-calls', '0'])
    assert.is(none.code, 1)
    assert.match(none.stderr, /budget was spent before the first repository was whole/)
    assert.is(server.asked.length, 0)
    // Enough for one repository's draft and a part of the other's.
    const isFirst = ({ unit, role }: LedgerRow): boolean => unit.startsWith('picocolors') && role !== 'rewriter'
    const enough = ledgerOf('whole').filter(isFirst).length + 3
    const some = await start('budget', config, ['--budget-calls', `${enough}`])
    assert.is(some.code, 0, some.stderr)
    assert.is(server.asked.length, enough)
    assert.match(some.stdout, /unfinished, as the budget was spent: /)
    const manifest = JSON.parse(readFileSync(join(scratch, 'budget', 'manifest.json'), 'utf8')) as {
      unfinished: unknown[]
      shards: { packing: { rows: number } }
    }
    assert.ok(manifest.unfinished.length > 0 && manifest.shards.packing.rows > 0)
    const replayed = await runCli(['replay', join(scratch, 'budget')])
    assert.is(replayed.code, 0, replayed.stdout)
    const rest = await start('budget', config)
    assert.is(rest.code, 0, rest.stderr)
    assert.not.match(rest.stdout, /unfinished/)
    assert.equal(bytesOf('budget'), bytesOf('whole'))
    const digests = server.asked.map(({ digest }) => digest)
    assert.is(digests.length, new Set(digests).size, 'a call was made twice')
  } finally {
    await server.stop()
  }
})

test('where answers cannot be kept the run stops in one line, and no repository is left out for it', async () => {
  const server = await startFaultyServer({
    reply: ({ digest }) => {
      const folder = join(scratch, 'cache-full', digest.slice(0, 2))
      rmSync(folder, { recursive: true, force: true })
      writeFileSync(folder, '')
      return null
    },
  })
  const { code, stderr } = await start('full', writeConfig('full', server.baseUrl, { concurrency: 2 }))
  await server.stop()
  assert.is(code, 1)
  assert.match(stderr, /retrace: A call could not be made, or not kept in .*cache-full.* goes on from here\.\n$/)
  assert.ok(!existsSync(join(scratch, 'full', 'rejects')), 'a repository was rejected')
  assert.ok(server.asked.length <= 4, `${server.asked.length} calls were paid and lost`)
})

test('a server that is gone stops the run in one line, and the same command goes on', async () => {
  const server = await startFaultyServer({ reply: answerAsModel })
  const config = writeConfig('gone', server.baseUrl, { maxAttempts: 2 })
  await server.stop()
  const { code, stderr } = await start('gone', config)
  assert.is(code, 1)
  assert.match(stderr, /retrace: .*127\.0\.0\.1.*\n$/)
  assert.not.match(stderr, /\n\s+at /)
})

test.run()
