import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { trajectorySchema } from '../../src/records/index.js'
import { runCli, tinyModel } from '../cli/run-cli.js'
import { startFaultyProxy } from '../generation/faulty-proxy.js'
import { smallProject, writeRepository } from '../support.js'
import { pythonWith } from './python-with.js'

const test = suite('a real server')
const root = process.env['RETRACE_ROOT'] ?? process.cwd()

/** `transformers serve` beside the Python of the tests, or why there is none. */
function findServe(): { python: string; serve: string } | { reason: string } {
  const found = pythonWith('fastapi, uvicorn, openai, transformers')
  if ('reason' in found) return found
  const serve = join(dirname(found.python), 'transformers')
  return existsSync(serve) ? { ...found, serve } : { reason: `no ${serve}` }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts the server and waits until it answers, or ends. On a busy machine its imports alone take minutes. */
async function startServer(serve: string, model: string): Promise<{ server: ChildProcess; baseUrl: string }> {
  const port = await freePort()
  const args = ['serve', model, '--device', 'cpu', '--host', '127.0.0.1', '--port', `${port}`]
  const offline = { HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1', OMP_NUM_THREADS: '1' }
  const server = spawn(serve, args, { stdio: 'ignore', env: { ...process.env, ...offline } })
  for (let tries = 0; tries < 2400 && server.exitCode === null; tries++) {
    const health = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null)
    if (health?.ok === true) return { server, baseUrl: `http://127.0.0.1:${port}/v1` }
    await sleep(500)
  }
  server.kill('SIGKILL')
  throw new Error(`transformers serve did not answer within 20 minutes, or ended: ${server.exitCode}`)
}

const found = findServe()
if ('reason' in found) {
  test.skip(`a run against transformers serve`)
  console.log(`skipped: ${found.reason}`)
} else {
  test('every repository ends as a trajectory that replays, through a proxy that breaks calls', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'retrace-served-'))
    const model = join(scratch, 'model')
    execFileSync(found.python, [
      join(root, 'scripts/serve/make_served_model.py'),
      join(root, 'models/retrace-small'),
      model,
    ])
    const { server, baseUrl } = await startServer(found.serve, model)
    const proxy = await startFaultyProxy({ target: baseUrl, seed: 1, share: 0.3, retryAfterSeconds: 1, stallMs: 4_000 })
    try {
      const generation = {
        ...{ kind: 'endpoint', baseUrl: proxy.baseUrl, model, cacheDir: join(scratch, 'cache'), maxAsks: 1 },
        ...{ concurrency: 2, timeoutMs: 300_000, maxRetryWaitMs: 1_500, maxPromptChars: 4_000, maxThoughtChars: 300 },
        maxNewTokens: { overview: 120, thought: 40, attempt: 120 },
      }
      const config = join(scratch, 'config.json')
      const synthesis = { maxReadsPerFile: 2, maxReadBytes: 400, debugging: { share: 1 } }
      writeFileSync(config, JSON.stringify({ generation, synthesis, search: false }))
      const out = join(scratch, 'run')
      const inputs = [writeRepository(smallProject), join(root, 'node_modules', 'picocolors')]
      const ran = await runCli(['run', ...inputs, '--out', out, '--config', config, '--model', tinyModel])
      assert.is(ran.code, 0, ran.stderr)
      const replayed = await runCli(['replay', out])
      assert.is(replayed.code, 0, replayed.stdout)
      assert.match(replayed.stdout, /2 of 2 trajectories replay byte for byte/)

      // A model of this size answers badly: most of its words are of no use, and some are.
      const names = readdirSync(join(out, 'trajectories'))
      const thoughts = names.flatMap((name) => {
        const trajectory = trajectorySchema.parse(JSON.parse(readFileSync(join(out, 'trajectories', name), 'utf8')))
        return trajectory.episodes.flatMap(({ steps }) => steps.flatMap(({ thought }) => thought ?? []))
      })
      assert.ok(
        thoughts.some((thought) => thought.call !== undefined),
        'no thought is the model’s',
      )

      const ledger = readFileSync(join(out, 'ledger.jsonl'), 'utf8').trimEnd().split('\n')
      const lines = ledger.map((line) => JSON.parse(line) as { key: string; failures: Record<string, number> })
      const rows = lines.filter((row) => 'key' in row)
      const counted = rows.flatMap(({ failures }) => Object.values(failures)).reduce((sum, count) => sum + count, 0)
      const broken = Object.entries(proxy.faults).filter(([kind]) => kind !== 'slow-body')
      assert.ok(counted > 5)
      assert.is(
        counted,
        broken.reduce((sum, [, count]) => sum + count, 0),
      )
      assert.ok([...proxy.bodies.values()].every(({ answeredWhole }) => answeredWhole === 1))
      assert.equal(new Set(rows.map(({ key }) => key)), new Set(proxy.bodies.keys()))
    } finally {
      await proxy.stop()
      server.kill('SIGTERM')
      rmSync(scratch, { recursive: true, force: true })
    }
  })
}

test.run()
