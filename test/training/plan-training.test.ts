import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { inspectRequest, presetConfig, TrainingError, type TrainingRequest } from '../../src/training/index.js'
import { planTraining } from '../../src/training/plan-training.js'
import type { TrainingPlan } from '../../src/training/plan.js'
import type { Machine } from '../../src/training/probe.js'
import { gibibyte, requestFor, shippedModel, writeLlama8b, writeShards, type ShardsShape } from './training-fakes.js'

const test = suite('plan of a training')

const cpu: Machine = { cuda: [], cpuCount: 8, availableBytes: 16 * gibibyte }
const cards = (count: number, gib = 139): Machine => ({
  cuda: Array.from({ length: count }, () => ({ name: 'a card', memoryBytes: gib * gibibyte })),
  cpuCount: 16,
  availableBytes: 128 * gibibyte,
})

function plan(machine: Machine, changes: Partial<TrainingRequest> = {}, shards: ShardsShape = {}): TrainingPlan {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-plan-'))
  const request = requestFor(folder, 'python', changes)
  writeShards(join(folder, 'shards'), request.modelDir, shards)
  return planTraining({ request, ...inspectRequest(request), machine })
}

const big = (changes: object = {}): Partial<TrainingRequest> => ({
  modelDir: writeLlama8b(mkdtempSync(join(tmpdir(), 'retrace-llama-'))),
  config: presetConfig('llama-3-8b', changes),
})

function failure(work: () => unknown): TrainingError {
  try {
    work()
  } catch (error) {
    assert.instance(error, TrainingError)
    return error as TrainingError
  }
  throw new Error('nothing was thrown')
}

test('a CPU gets two ranks, a machine with GPUs one for each', () => {
  assert.is(plan(cpu).worldSize, 2)
  assert.is(plan({ ...cpu, cpuCount: 1 }).worldSize, 1)
  const eight = plan(cards(8), big(), { sequenceLength: 65_536 })
  assert.equal([eight.device, eight.worldSize, eight.rowsPerRank], ['cuda', 8, 8])
})

test('where the GPUs cannot share the rows evenly fewer train, and a note says so', () => {
  const { processes, notes } = plan(cards(8), { config: presetConfig('small', { batchRows: 6 }) })
  assert.is(processes, 6)
  assert.match(notes.join(' '), /6 of 8 GPUs train, since batchRows is 6/)
})

test('a number of ranks that cannot share the rows is refused with those that can', () => {
  const launch = { processes: 5, nodes: 1, rendezvous: null, jobId: null }
  const error = failure(() =>
    plan(cards(8), { launch, config: presetConfig('small', { batchRows: 12, microBatchRows: 2 }) }),
  )
  assert.is(error.code, 'WORLD_SIZE_INVALID')
  assert.equal(error.details['sizes'], [1, 2, 3, 6])
  assert.match(error.message, /5 ranks cannot share 12 rows .* Numbers that can: 1, 2, 3, 6\./)
})

test('more processes than GPUs, and a GPU where there is none, are refused', () => {
  const launch = { processes: 4, nodes: 1, rendezvous: null, jobId: null }
  assert.is(
    failure(() => plan(cards(2), { launch, config: presetConfig('small', { batchRows: 4 }) })).code,
    'DEVICE_UNAVAILABLE',
  )
  assert.is(failure(() => plan(cpu, { device: 'cuda' })).code, 'DEVICE_UNAVAILABLE')
})

test('one card of 139 GiB holds the 8B model at 64k with moments of bfloat16 and not with float32', () => {
  const fits = plan(cards(1), big(), { sequenceLength: 65_536 })
  assert.is(fits.rowsPerRank, 64)
  const error = failure(() => plan(cards(1), big({ optimizer: { moments: 'float32' } }), { sequenceLength: 65_536 }))
  assert.is(error.code, 'MEMORY_TOO_SMALL')
  assert.match(error.message, /would need 15\d\.\d GiB .* and there are 139\.0 GiB/)
  assert.match(error.message, /set optimizer\.moments to "bfloat16"; or 2 GPUs of this size; or rows of 16384 tokens/)
})

test('what fills a card to the brim is planned with a word of warning', () => {
  const { notes } = plan(cards(1), big({ optimizer: { moments: 'float32' } }), { sequenceLength: 16_384 })
  assert.match(notes.join(' '), /Memory is tight: about 13\d\.\d GiB of 139\.0 GiB/)
})

test('on a CPU one rank gets the memory that two cannot share', () => {
  const tight = { ...cpu, availableBytes: 2.5 * gibibyte }
  const error = failure(() => plan(tight))
  assert.match(error.message, /Each of 2 ranks would need .* What would fit: .*--processes 1/)
  const launch = { processes: 1, nodes: 1, rendezvous: null, jobId: null }
  assert.is(plan(tight, { launch }).worldSize, 1)
})

test('what no advice makes fit says so', () => {
  const error = failure(() => plan({ ...cpu, availableBytes: gibibyte }, big(), { sequenceLength: 65_536 }))
  assert.match(error.message, /Nothing here makes it fit/)
})

test('shards of another tokenizer and rows longer than the context are refused', () => {
  assert.is(failure(() => plan(cpu, {}, { tokenizer: 'a'.repeat(64) })).code, 'TOKENIZER_MISMATCH')
  const config = presetConfig('small', { contextLength: 4096 })
  const error = failure(() => plan(cpu, { config }))
  assert.is(error.code, 'ROW_TOO_LONG')
  assert.match(error.message, /up to 8192 tokens, more than the context length of 4096/)
})

test('steps follow from tokens and epochs, and a mixture says how often each domain is seen', () => {
  // 100 rows of 500,000 tokens: 10 rows are 50,000 tokens a step.
  const stepsOf = (until: object): number =>
    plan(cpu, { config: presetConfig('small', { until, batchRows: 10 }) }).data.steps
  assert.equal([stepsOf({ epochs: 2 }), stepsOf({ tokens: 120_000 }), stepsOf({ steps: 7 })], [20, 3, 7])
  const config = presetConfig('small', { until: { steps: 10 }, batchRows: 10, mixture: { python: 3, typescript: 1 } })
  const { domains } = plan(cpu, { config }).data
  assert.equal(
    domains.map(({ domain, share, passes }) => [domain, share, passes]),
    [
      ['python', 0.75, 3.75],
      ['typescript', 0.25, 0.3125],
    ],
  )
})

test('a mixture that names what no shard has is refused with what there is', () => {
  const error = failure(() => plan(cpu, { config: presetConfig('small', { mixture: { rust: 1 } }) }))
  assert.is(error.code, 'CONFIG_INVALID')
  assert.match(error.message, /names rust, which no shard has\. Domains there are: python, typescript\./)
})

test('the job has the paths whole, the device that was chosen, and every key of the config', () => {
  const { job } = plan(cpu)
  assert.is(job.model, shippedModel)
  assert.equal([job.device, job.threads, job.engine, job.schemaVersion], ['cpu', 4, 'fsdp2', 1])
  assert.equal(Object.keys(job.config).sort(), Object.keys(presetConfig('small')).sort())
})

test('of a choice that a preset made, another takes the place and does not join it', () => {
  assert.equal(presetConfig('small', { until: { epochs: 2 } }).until, { epochs: 2 })
  const { optimizer } = presetConfig('llama-3-8b', { optimizer: { learningRate: 2e-5 } })
  assert.equal([optimizer.learningRate, optimizer.moments], [2e-5, 'bfloat16'])
  assert.throws(() => presetConfig('small', { optimiser: {} }), /optimiser/)
})

test.run()
