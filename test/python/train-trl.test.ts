import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import type { StepEvent } from '../../src/records/index.js'
import { pythonWith } from './python-with.js'
import { TrainingRun, packTwoDomains, writeTinyModel } from './training-run.js'

const test = suite('train trl')

const found = pythonWith('torch, transformers, trl, datasets, pyarrow')
const work = mkdtempSync(join(tmpdir(), 'retrace-trl-'))
const [model, shards] = [join(work, 'model'), join(work, 'shards')]

/** Two micro-batches of two rows for each of two ranks; rates that differ from step to step. */
const config = {
  until: { steps: 4 },
  batchRows: 8,
  microBatchRows: 2,
  mixture: { typescript: 0.7, python: 0.3 },
  optimizer: { learningRate: 3e-3, warmUpShare: 0.5, maxGradNorm: 1 },
  checkpoint: { everySteps: 3, keep: 1 },
  seed: 7,
}

function makeRun(python: string, name: string, engine: 'fsdp2' | 'trl', more: object = {}): TrainingRun {
  const run = new TrainingRun(python, { out: join(work, name), model, shards, config: { ...config, ...more } })
  const path = join(run.out, 'job.json')
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), engine }))
  return run
}

async function runToEnd(run: TrainingRun): Promise<TrainingRun> {
  const { code, stderr } = await run.runToEnd(2)
  assert.is(code, 0, stderr.slice(-4000))
  return run
}

/** What has to be the same whenever and by whomever a step is made. */
const facts = ({ step, tokens, trainedTokens, totalTokens, totalTrainedTokens }: StepEvent): unknown[] => [
  ...[step, tokens, trainedTokens, totalTokens, totalTrainedTokens],
]

const weightsOf = (run: TrainingRun): string =>
  createHash('sha256')
    .update(readFileSync(join(run.out, 'model/model.safetensors')))
    .digest('hex')

/** Relative: both compute in float32 in another order, and Transformers sums the squares of the norm in it too. */
const tolerances = { loss: 5e-6, gradNorm: 1e-4, learningRate: 1e-12 }

let straight: TrainingRun

function testWithTrl(name: string, run: (python: string) => Promise<void>): void {
  if ('python' in found) return void test(name, () => run(found.python))
  process.stdout.write(`skipped: "${name}": ${found.reason}\n`)
  test.skip(name, () => {})
}

test.before(async () => {
  if ('reason' in found) return
  writeTinyModel(model)
  mkdirSync(shards)
  await packTwoDomains(shards, { sequenceLength: 512 })
})
test.after(() => rmSync(work, { recursive: true }))

testWithTrl("TRL's losses, norms and rates are those of the loop over the same rows", async (python) => {
  const loop = await runToEnd(makeRun(python, 'loop', 'fsdp2'))
  straight = await runToEnd(makeRun(python, 'trl', 'trl'))
  assert.is(straight.steps().length, 4)
  for (const [index, step] of straight.steps().entries()) {
    const expected = loop.steps()[index] as StepEvent
    assert.equal(facts(step), facts(expected))
    for (const [key, tolerance] of Object.entries(tolerances) as [keyof typeof tolerances, number][]) {
      const off = Math.abs(step[key] - expected[key]) / expected[key]
      assert.ok(off <= tolerance, `${key} of step ${step.step} is off by ${off}: ${step[key]}`)
    }
  }
  const kinds = straight.events().map(({ event }) => event)
  assert.equal(kinds, ['start', 'step', 'step', 'step', 'checkpoint', 'step', 'checkpoint', 'end'])
  assert.equal(straight.checkpoints(), ['step-00000004'])
  assert.equal(straight.ends().at(-1)?.model, join(straight.out, 'model'))
})

testWithTrl('TRL stopped after its first step and started again ends with the same bits', async (python) => {
  const run = makeRun(python, 'stopped', 'trl')
  writeFileSync(join(run.out, 'stop'), '')
  await runToEnd(run)
  assert.equal(
    [run.steps().length, run.ends().at(-1)?.reason, existsSync(join(run.out, 'stop'))],
    [1, 'stopped', false],
  )
  // What a kill in the middle of saving leaves.
  mkdirSync(join(run.out, 'checkpoints/checkpoint-2'))
  await runToEnd(run)
  const seen = run.steps().map((step) => [...facts(step), step.loss, step.gradNorm])
  assert.equal(
    seen,
    straight.steps().map((step) => [...facts(step), step.loss, step.gradNorm]),
  )
  const begins = (): number[] => run.events().flatMap((event) => (event.event === 'start' ? event.step : []))
  assert.equal(begins(), [0, 1])
  assert.equal(run.checkpoints(), ['step-00000004'])
  assert.is(weightsOf(run), weightsOf(straight))

  // What a kill before the export leaves: nothing is trained again.
  rmSync(join(run.out, 'model'), { recursive: true })
  await runToEnd(run)
  assert.equal([begins(), run.steps().length], [[0, 1, 4], 4])
  assert.is(weightsOf(run), weightsOf(straight))
})

testWithTrl("TRL does not go on from the loop's checkpoint", async (python) => {
  const run = makeRun(python, 'loop', 'trl')
  const { code, stderr } = await run.runToEnd(0)
  assert.equal([code, run.failure().code], [1, 'RUN_MISMATCH'], stderr.slice(-2000))
  assert.equal(run.checkpoints(), ['step-00000004'])
})

test.run()
