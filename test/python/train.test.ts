import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { createScorer, type ScorerSettings } from '../../src/scoring/index.js'
import type { ShardManifest, StepEvent } from '../../src/records/index.js'
import { whyNoNative } from '../scoring/native-support.js'
import { pythonVariables, pythonWith } from './python-with.js'
import { packTwoDomains, TrainingRun, writeTinyModel, type Setup } from './training-run.js'

const test = suite('train')

// Two ranks on the CPU train a Llama of 0.65 M parameters for twelve steps, straight through once and once through all
// that can end a training. The tests go from top to bottom and build on what those before them left.
const root = process.env.RETRACE_ROOT ?? process.cwd()
const found =
  process.platform === 'linux'
    ? pythonWith('torch, transformers, pyarrow')
    : { reason: 'it finds ranks to kill in /proc, which only Linux has' }
const python = 'python' in found ? found.python : ''
const folder = mkdtempSync(join(tmpdir(), 'retrace-train-'))
const [model, shards] = [join(folder, 'model'), join(folder, 'shards')]
const totalSteps = 12

/**
 * The rate of the last step is 0, so the exported weights are those that the last step's loss is of: whoever reads the
 * export can be compared with the loop itself.
 */
const config = {
  until: { steps: totalSteps },
  mixture: { python: 1, typescript: 2 },
  ropeTheta: 20_000,
  optimizer: { learningRate: 1e-3, finalShare: 0 },
  checkpoint: { everySteps: 3, keep: 10 },
}

const open = (name: string, changes: Partial<Setup> = {}): TrainingRun =>
  new TrainingRun(python, { out: join(folder, name), model, shards, config, ...changes })

/** What decides and what is decided; no times, no memory. */
const figures = ({ step, loss, domainLoss, gradNorm, learningRate, totalTokens, totalTrainedTokens }: StepEvent) => ({
  step,
  loss,
  domainLoss,
  gradNorm,
  learningRate,
  totalTokens,
  totalTrainedTokens,
})

/** Which data a step saw, whatever came of it. */
const dataOf = ({ step, tokens, totalTokens, domainLoss, learningRate }: StepEvent) => ({
  step,
  tokens,
  totalTokens,
  learningRate,
  trained: Object.entries(domainLoss).map(([domain, { trainedTokens }]) => [domain, trainedTokens]),
})

const near = (found: number, expected: number, what: string, tolerance = 1e-5): void =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found} and ${expected}`)

interface Seen {
  loss: number
  domainLoss: Record<string, { loss: number; trainedTokens: number }>
  document: { ids: number[]; logProbs: number[] }
  tensors: Record<string, string>
  differsFromCheckpoint: string[]
  ropeTheta: number
}

/** What Transformers and torch's own reader of checkpoints say of a run. */
function look(run: TrainingRun, ...more: string[]): unknown {
  const script = join(root, 'test/python/training_run_check.py')
  const environment = { ...process.env, ...pythonVariables, HF_HUB_OFFLINE: '1' }
  const done = spawnSync(python, [script, join(run.out, 'job.json'), ...more], { encoding: 'utf8', env: environment })
  assert.is(done.status, 0, done.stderr)
  return JSON.parse(done.stdout)
}
const lookAtLastStep = (run: TrainingRun): Seen => look(run, '--step', String(totalSteps)) as Seen

/** Every checkpoint has each of its files at its length, and nothing is unfinished. */
function assertWhole(run: TrainingRun): void {
  for (const name of run.checkpoints()) {
    assert.match(name, /^step-\d{8}$/)
    const path = join(run.out, 'checkpoints', name)
    const { files } = JSON.parse(readFileSync(join(path, 'retrace.json'), 'utf8')) as { files: Record<string, number> }
    assert.ok(Object.keys(files).length > 1)
    for (const [file, size] of Object.entries(files)) assert.is(statSync(join(path, file)).size, size, file)
  }
}

if ('reason' in found) {
  process.stdout.write(`skipped: training from shards to a checkpoint: ${found.reason}\n`)
  test.skip('training from shards to a checkpoint')
} else {
  addTests()
}
test.run()

function addTests(): void {
  const straight = open('straight')
  let seenStraight: Seen | undefined
  const seen = (): Seen => (seenStraight ??= lookAtLastStep(straight))

  test.before(async () => {
    writeTinyModel(model)
    await packTwoDomains(shards, { sequenceLength: 512 })
  })
  test.after(() => rmSync(folder, { recursive: true, force: true }))

  test('two ranks train from shards to an exported model', async () => {
    const { code, stderr } = await straight.runToEnd(2)
    assert.is(code, 0, stderr)
    const steps = straight.steps()
    assert.equal(
      steps.map(({ step }) => step),
      Array.from({ length: totalSteps }, (_, i) => i + 1),
    )
    assert.equal(straight.ends(), [
      { event: 'end', step: totalSteps, reason: 'done', model: join(straight.out, 'model') },
    ])
    assert.ok((steps[0] as StepEvent).loss > 8 && (steps.at(-1) as StepEvent).loss < 7.9, 'it learns')
    assert.ok(steps.every(({ domainLoss }) => Object.keys(domainLoss).length === 2))
    assertWhole(straight)
  })

  test('whatever ends it on the way, it comes to the same bits', async () => {
    const run = open('broken-off')

    // The power fails.
    const first = run.start(2)
    await run.waitForStep(4, first)
    first.killAll()
    assert.is((await first.end()).signal, 'SIGKILL')
    assert.equal(run.ends(), [])

    // Somebody puts a file there: a step is made, saved, and that is all.
    writeFileSync(join(run.out, 'stop'), '')
    const second = await run.runToEnd(2)
    assert.is(second.code, 0, second.stderr)
    assert.equal(run.ends(), [{ event: 'end', step: 4, reason: 'stopped', model: null }])
    assertWhole(run)

    // The machine is wanted back.
    const third = run.start(2)
    await run.waitForStep(5, third)
    third.signal('SIGTERM')
    await third.end()
    const stopped = run.ends().at(-1)
    assert.equal([stopped?.reason, run.ends().length], ['stopped', 2], third.stderr)
    assert.ok((stopped?.step ?? 0) >= 5 && run.checkpoints().at(-1)?.endsWith(`0${stopped?.step}`))
    assertWhole(run)

    // A rank dies.
    const fourth = run.start(2)
    await run.waitForStep((stopped?.step ?? 0) + 1, fourth)
    process.kill(fourth.ranks()[1] as number, 'SIGKILL')
    const fourthEnd = await fourth.end()
    assert.not.match(fourthEnd.stderr, /killed by the test/)
    assert.is.not(fourthEnd.code, 0)
    assert.is(run.failure().code, 'RANK_LOST')
    assert.match(run.failure().message, /Start again to go on from step \d/)
    assert.is(run.ends().length, 2)

    const last = await run.runToEnd(2)
    assert.is(last.code, 0, last.stderr)
    assert.equal(run.steps().map(figures), straight.steps().map(figures))
    assertWhole(run)
    assert.ok(Object.keys(seen().tensors).length > 20)
    assert.equal(lookAtLastStep(run).tensors, seen().tensors)
  })

  test('a start behind the end does nothing and says so', async () => {
    const before = straight.events().length
    const { code, stderr } = await straight.runToEnd(0)
    assert.is(code, 0, stderr)
    assert.equal(
      straight
        .events()
        .slice(before)
        .map(({ event, step }) => [event, step]),
      [
        ['start', totalSteps],
        ['end', totalSteps],
      ],
    )
  })

  test('Transformers scores the export as the loop scored its last step, and the checkpoint has the same weights', () => {
    const { loss, domainLoss } = straight.steps().at(-1) as StepEvent
    near(seen().loss, loss, 'loss')
    for (const [domain, of] of Object.entries(domainLoss)) {
      assert.is(seen().domainLoss[domain]?.trainedTokens, of.trainedTokens)
      near(seen().domainLoss[domain]?.loss ?? Infinity, of.loss, domain)
    }
    assert.equal([seen().ropeTheta, seen().differsFromCheckpoint], [20_000, []])
  })

  for (const settings of [{ backend: 'onnx' }, { backend: 'native', device: 'cpu' }] as const) {
    const name = `the loop closes: our ${settings.backend} scorer agrees with Transformers on the export`
    if (settings.backend === 'native' && whyNoNative !== null) {
      process.stdout.write(`skipped: ${name}: ${whyNoNative}\n`)
      test.skip(name)
    } else test(name, () => compareScorer(settings))
  }

  async function compareScorer(settings: ScorerSettings): Promise<void> {
    const { ids, logProbs } = seen().document
    const scorer = await createScorer({ ...settings, modelDir: join(straight.out, 'model') })
    try {
      const prefix = await scorer.open(Uint32Array.of(ids[0] as number))
      const branch = { tokens: Uint32Array.from(ids.slice(1)), scored: [{ start: 0, end: ids.length - 1 }] }
      const [score] = await scorer.score(prefix, [branch])
      const differences = [...(score?.logProbs ?? [])].map((one, i) => Math.abs(one - (logProbs[i] as number)))
      assert.is(differences.length, ids.length - 1)
      assert.ok(ids.length > 50 && Math.max(...differences) < 1e-4, `off by ${Math.max(...differences)} nats`)
    } finally {
      await scorer.dispose()
    }
  }

  test('one rank sees the same data and losses as two, also where torchrun dies over it', async () => {
    const run = open('one-rank')
    const first = run.start(1)
    await run.waitForStep(4, first)
    first.signal('SIGKILL')
    await first.end() // of the rank as well, which holds the other end of standard error
    assert.equal(
      run.ends().map(({ reason }) => reason),
      ['stopped'],
    )
    const { code, stderr } = await run.runToEnd(1)
    assert.is(code, 0, stderr)
    assertSameTraining(run.steps(), straight.steps())
  })

  test('one rank goes on where two stopped', async () => {
    const run = open('from-two')
    cpSync(join(straight.out, 'checkpoints/step-00000006'), join(run.out, 'checkpoints/step-00000006'), {
      recursive: true,
    })
    const { code, stderr } = await run.runToEnd(0)
    assert.is(code, 0, stderr)
    assert.is(run.steps()[0]?.step, 7)
    assertSameTraining(run.steps(), straight.steps().slice(6))
  })

  /** Sums go in another order, and steps carry the difference on. */
  function assertSameTraining(found: StepEvent[], expected: StepEvent[]): void {
    assert.equal(found.map(dataOf), expected.map(dataOf))
    for (const [index, { step, loss }] of found.entries()) near(loss, expected[index]?.loss ?? 0, `step ${step}`)
  }

  test('packed rows give the loss and the gradient of the same documents in rows of their own', async () => {
    const options = { sequenceLength: 1024, count: 6 }
    const runs = [
      ['packed', await packTwoDomains(join(folder, 'packed-shards'), options)],
      ['apart', await packTwoDomains(join(folder, 'apart-shards'), { ...options, windowDocuments: 1 })],
    ] as const
    const steps = []
    for (const [name, { packing }] of runs) {
      assert.equal([packing.documents, packing.documentsCut], [12, 0])
      const rows = { batchRows: packing.rows, microBatchRows: name === 'packed' ? packing.rows : 1 }
      const run = open(name, {
        model: join(straight.out, 'model'),
        shards: join(folder, `${name}-shards`),
        config: { init: 'pretrained', until: { steps: 1 }, ...rows },
      })
      const { code, stderr } = await run.runToEnd(0)
      assert.is(code, 0, stderr)
      steps.push(run.steps()[0])
    }
    const [packed, apart] = steps as [StepEvent, StepEvent]
    assert.ok(runs[0][1].packing.rows < 12 && runs[1][1].packing.rows === 12)
    assert.is(packed.trainedTokens, apart.trainedTokens)
    near(packed.loss, apart.loss, 'loss')
    near(packed.gradNorm, apart.gradNorm, 'gradient norm')
  })

  test('a loss that is no number ends it before a weight changes, on every rank, with the documents', async () => {
    const [poisoned, step] = [join(folder, 'poisoned'), '5']
    const planted = look(straight, '--step', step, '--plant-nan', poisoned) as { documents: string[] }
    const run = open('not-finite', { model: poisoned, config: { ...config, init: 'pretrained' } })
    for (const ranks of [2, 0]) {
      const { code, stderr } = await run.runToEnd(ranks)
      assert.is(code, 1, stderr)
      const { code: failed, message, details } = run.failure()
      assert.equal([failed, details['step'], details['checkpoint']], ['NON_FINITE', 5, 3])
      assert.match(message, /Step 5 gave the loss nan.*The last checkpoint is of step 3\. Lower the learning rate/)
      assert.ok(planted.documents.every((name) => (details['documents'] as string[]).includes(name)))
      assert.equal(run.checkpoints(), ['step-00000003'])
      assert.equal(
        run.steps().map((event) => event.step),
        [1, 2, 3, 4],
      )
    }
    assertWhole(run)
  })

  test('shards that are not what the manifest says stop it at once, and it starts when they are mended', async () => {
    const mine = join(folder, 'own-shards')
    cpSync(shards, mine, { recursive: true })
    const run = open('bad-shards', { shards: mine, config: { ...config, until: { steps: 1 } } })
    const manifest = JSON.parse(readFileSync(join(mine, 'manifest.json'), 'utf8')) as ShardManifest
    const file = manifest.shards[1]?.file as string
    const path = join(mine, file)
    const stops = async (ranks: number, code: string, message: RegExp): Promise<void> => {
      const ending = await run.runToEnd(ranks)
      assert.is(ending.code, 1, ending.stderr)
      assert.is(run.failure().code, code)
      assert.match(run.failure().message, message)
      assert.equal([run.events(), readdirSync(run.out).filter((name) => name === 'model')], [[], []])
    }

    const tokenizer = { ...manifest.tokenizer, digest: '0'.repeat(64) }
    writeFileSync(join(mine, 'manifest.json'), JSON.stringify({ ...manifest, tokenizer }))
    await stops(0, 'TOKENIZER_MISMATCH', /another tokenizer .* Pack the run again/)
    writeFileSync(join(mine, 'manifest.json'), JSON.stringify(manifest))

    renameSync(path, `${path}.away`)
    await stops(0, 'SHARD_MISSING', new RegExp(`${file}.* not there`))
    renameSync(`${path}.away`, path)

    const bytes = readFileSync(path)
    const middle = bytes.length >> 1
    bytes[middle] = (bytes[middle] as number) ^ 1
    writeFileSync(path, bytes)
    await stops(2, 'SHARD_CHANGED', new RegExp(`${file}.* Copy it again`))
    bytes[middle] = bytes[middle] ^ 1
    writeFileSync(path, bytes)

    const { code, stderr } = await run.runToEnd(0)
    assert.is(code, 0, stderr)
    const other = straight.steps()[0] as StepEvent
    near(run.steps()[0]?.loss ?? 0, other.loss, 'loss of the first step')
  })
}
