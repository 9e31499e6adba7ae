import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { trainingEventSchema, type TrainingEvent } from '../../src/records/index.js'
import { runCli } from '../cli/run-cli.js'
import { pythonWith } from './python-with.js'
import { packTwoDomains } from './training-run.js'

const test = suite('retrace train with PyTorch')
const found = pythonWith('torch, transformers, pyarrow')

function eventsOf(out: string): TrainingEvent[] {
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n')
  return lines.map((line) => trainingEventSchema.parse(JSON.parse(line)))
}

if ('reason' in found) {
  process.stdout.write(`skipped: retrace train with PyTorch: ${found.reason}\n`)
  test.skip('the shipped model is trained, stopped by Ctrl-C, and the same command goes on')
} else {
  test('the shipped model is trained, stopped by Ctrl-C, and the same command goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'retrace-train-real-'))
    await packTwoDomains(join(folder, 'run', 'shards'), { sequenceLength: 256, count: 8 })
    const out = join(folder, 'out')
    const config = join(folder, 'config.json')
    writeFileSync(config, '{"until": {"steps": 12}, "batchRows": 2}')
    const command = ['train', join(folder, 'run'), '--python', found.python, '--out', out, '--config', config]

    const stopped = await runCli(command, { afterMs: 0, signal: 'SIGINT', whenItSays: /2 ranks on/ })
    assert.is(stopped.code, 1, stopped.stderr)
    const at = Number(/Stopped and saved at step (\d+) of 12/.exec(stopped.stdout)?.[1])
    assert.ok(at >= 1 && at < 12, stopped.stdout + stopped.stderr)
    assert.ok(readdirSync(join(out, 'checkpoints')).includes(`step-${String(at).padStart(8, '0')}`))
    assert.is(existsSync(join(out, 'model')), false)

    const done = await runCli(command)
    assert.is(done.code, 0, done.stderr)
    assert.match(done.stdout, /^Trained: 12 steps, [\d,]+ tokens, loss \d\.\d{3} nats a token\. Model: /)
    assert.match(done.stderr, new RegExp(`Goes on from step ${at}\\.`))
    const steps = eventsOf(out).flatMap((event) => (event.event === 'step' ? [event.step] : []))
    assert.equal(
      steps,
      Array.from({ length: 12 }, (_, index) => index + 1),
    )
    assert.ok(existsSync(join(out, 'model', 'model.safetensors')))

    const again = await runCli(command)
    assert.match(again.stdout, /^Trained already: 12 steps/)
  })
}

test.run()
