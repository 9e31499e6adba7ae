import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { CoreError, RunStore, seededRandom, silentProgress } from '../../../src/core/index.js'
import { ablate, loadAblationConfig, planAblation, splitRepositories } from '../../../src/pipeline/index.js'
import type { AblationRequest } from '../../../src/pipeline/ablation/ablate.js'
import type { ModelWork } from '../../../src/pipeline/ablation/train-arms.js'
import { findKnown } from '../../../src/pipeline/ablation/known-to-model.js'
import { pairedDifference, standardDeviationOf, tQuantile } from '../../../src/pipeline/ablation/statistics.js'
import { ignoreIndex, readShard } from '../../../src/packing/index.js'
import { loadTokenizer } from '../../../src/tokenizer/index.js'
import {
  ablationArms,
  ablationSchema,
  evaluationTaskSchema,
  shardManifestSchema,
  trajectorySchema,
  type AblationArm,
  type Likelihood,
  type OfflineResults,
  type ShardManifest,
} from '../../../src/records/index.js'
import { type BlobSpan } from '../../../src/core/index.js'
import { TrainingError } from '../../../src/training/index.js'
import { digestFolder, tinyModel } from '../../cli/run-cli.js'

const test = suite('ablation')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-ablation-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

/** A repository under a name of its own, with code of its own. */
function repository(name: string, seed = name): string {
  const random = seededRandom('ablation', seed)
  const word = (): string => `${seed}_${random.below(500)}`
  const body = (): string => Array.from({ length: 8 }, () => `    ${word()} = ${word()} + ${word()}\n`).join('')
  const folder = join(scratch, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'core.py'),
    `def ${word()}(x):\n    """Adds things of ${seed}."""\n${body()}    return x\n`,
  )
  writeFileSync(join(folder, 'main.py'), `import core\n\n\ndef run():\n${body()}    return core\n`)
  // Whole enough for a check to fail once something is broken in it.
  writeFileSync(join(folder, 'tool.py'), `def tool_of_${seed}(count):\n    return "${seed}" * count\n`)
  return folder
}
const training = ['alpha', 'beta', 'gamma'].map((name) => repository(name))
const heldOut = ['delta', 'epsilon'].map((name) => repository(name))

const configFile = join(scratch, 'ablation.json')
writeFileSync(
  configFile,
  JSON.stringify({
    run: {
      search: { rounds: 1, candidates: 1 },
      synthesis: { debugging: { share: 1 } },
      packing: { sequenceLength: 1024 },
    },
    training: { batchRows: 2, optimizer: { learningRate: 0.001 } },
  }),
)

function requestOf(out: string, changes: Partial<AblationRequest['choices']> = {}): AblationRequest {
  return {
    split: { training, heldOut },
    folder: join(scratch, out),
    modelDir: tinyModel,
    choices: {
      config: loadAblationConfig(configFile),
      ...{ tokens: 4096, seeds: 2, arms: ablationArms, device: 'cpu', tasks: false },
      ...changes,
    },
    python: { python: 'never started' },
  }
}

type Asked = Parameters<ModelWork['train']>[0]

const bitsOf: Record<AblationArm | 'base', number> = {
  base: 3,
  'raw-code': 2,
  trajectories: 1.9,
  'trajectories-unmasked': 2.1,
  search: 1.8,
  'search-unmasked': 2,
}

/** Does something as work that takes time would: it answers later, and what it throws is a rejection. */
const later = async <Result>(work: () => Result): Promise<Result> => {
  await Promise.resolve()
  return work()
}

/** Trains and measures nothing: writes what the loop writes, and answers by arm and seed. Notes what it was asked. */
function fakeModels(stopAt = Infinity): ModelWork & { trained: Asked[]; evaluated: string[] } {
  const trained: Asked[] = []
  const evaluated: string[] = []
  return {
    trained,
    evaluated,
    preparePython: ({ python }) => later(() => String(python)),
    train: (request) =>
      later(() => {
        if (trained.length + evaluated.length >= stopAt) throw new CoreError('ABORTED', 'Stopped.')
        trained.push(request)
        mkdirSync(join(request.out, 'model'), { recursive: true })
        mkdirSync(join(request.out, 'checkpoints', 'step-00000002'), { recursive: true })
        const steps = [1, 2].map((step) => ({
          ...{ event: 'step', step, loss: 3 - step, domainLoss: {}, gradNorm: 1, learningRate: 0.001 },
          ...{ tokens: 2000, trainedTokens: 1500, totalTokens: 2000 * step, totalTrainedTokens: 1500 * step },
          ...{ seconds: 0.5, tokensPerSecond: 4000, mfu: null, memoryBytes: 1 },
        }))
        const end = { event: 'end', step: 2, reason: 'done', model: join(request.out, 'model') }
        writeFileSync(
          join(request.out, 'metrics.jsonl'),
          [...steps, end].map((line) => JSON.stringify(line) + '\n').join(''),
        )
        const facts = { out: request.out, model: join(request.out, 'model'), reason: 'done' as const }
        return { ...facts, step: 2, totalSteps: 2, loss: 1, tokens: 4000, nothingToDo: false }
      }),
    evaluate: ({ modelDir, shards }) =>
      later((): OfflineResults => {
        if (trained.length + evaluated.length >= stopAt) throw new CoreError('ABORTED', 'Stopped.')
        const [, arm = 'base', seed = '0'] = /training\/([a-z-]+)\/seed-(\d+)\/model$/.exec(modelDir) ?? []
        evaluated.push(arm === 'base' ? 'base' : `${arm} ${seed}`)
        const results: NonNullable<OfflineResults['heldOut']> = {}
        for (const [name, folder] of Object.entries(shards)) {
          const of = (bits: number): Likelihood => ({
            tokens: 10,
            bytes: 30,
            nll: 1,
            nllPerToken: 0.1,
            bitsPerByte: bits,
          })
          const bits = bitsOf[arm as AblationArm] + Number(seed) / 100
          // One repository is a little harder than the other.
          const domains = Object.keys(manifestIn(folder).domains).sort()
          results[name] = {
            all: of(bits),
            domains: Object.fromEntries(domains.map((domain, at) => [domain, of(bits + at)])),
            positions: [],
            tooLong: { documents: 0, tokens: 0 },
          }
        }
        return { heldOut: results }
      }),
  }
}

function manifestIn(folder: string): ShardManifest {
  return shardManifestSchema.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
}

const context = { progress: silentProgress }

async function failure(work: Promise<unknown>): Promise<CoreError> {
  try {
    await work
  } catch (error) {
    return error as CoreError
  }
  throw new Error('it did not fail')
}

const whole = fakeModels()
const { ablation } = await ablate(requestOf('whole'), context, whole)

test('every arm is trained with every seed and measured once, and so is the model at the start', () => {
  assert.is(whole.trained.length, 10)
  assert.equal(whole.evaluated.length, new Set(whole.evaluated).size)
  assert.equal([...whole.evaluated].sort(), ['base', ...ablationArms.flatMap((arm) => [`${arm} 0`, `${arm} 1`])].sort())
  assert.equal(
    ablationSchema.parse(JSON.parse(readFileSync(join(scratch, 'whole', 'ablation.json'), 'utf8'))),
    ablation,
  )
  assert.equal(
    ablation.repositories.training.map(({ name }) => name),
    ['alpha', 'beta', 'gamma'],
  )
  assert.equal(
    ablation.repositories.heldOut.map(({ name, overlap }) => [name, overlap]),
    [
      ['delta', 0],
      ['epsilon', 0],
    ],
  )
})

test('two trainings differ in nothing but the shards, the folder and the seed', () => {
  const others = whole.trained.map(({ shards: _shards, out: _out, config: { seed: _seed, ...config }, ...rest }) => ({
    ...rest,
    config,
  }))
  for (const other of others) assert.equal(other, others[0])
  assert.equal(others[0]?.config.until, { tokens: 4096 })
  assert.is(others[0]?.config.optimizer.learningRate, 0.001)
  // What the file does not name is the preset's for the small model.
  assert.is(others[0]?.config.compute, 'float32')
  assert.equal(new Set(whole.trained.map(({ config }) => config.seed)), new Set([0, 1]))
  assert.is(new Set(whole.trained.map(({ out }) => out)).size, 10)
})

test('each arm holds what it is named for, and packing leaves the runs as they were', async () => {
  const of = (arm: AblationArm): ShardManifest => manifestIn(join(scratch, 'whole', 'arms', arm))
  for (const arm of ablationArms) assert.is(of(arm).sequenceLength, 1024)
  assert.is(of('raw-code').renderer, 'code')
  for (const arm of ['trajectories', 'search'] as const) {
    assert.is(of(arm).masks['observation'], false)
    // A run's own shards hold the very same rows.
    const run = arm === 'search' ? 'with-search' : 'without-search'
    const digests = ({ shards }: ShardManifest): string[] => shards.map(({ sha256 }) => sha256)
    assert.equal(digests(of(arm)), digests(manifestIn(join(scratch, 'whole', 'runs', run, 'shards'))))
  }
  for (const arm of ['trajectories-unmasked', 'search-unmasked'] as const) {
    const masked = of(arm === 'search-unmasked' ? 'search' : 'trajectories')
    assert.equal(of(arm).masks, { ...masked.masks, observation: true })
    assert.ok(of(arm).packing.trainedTokens > masked.packing.trainedTokens)
  }
  assert.is(of('trajectories').packing.tokens, of('trajectories-unmasked').packing.tokens)

  const folder = join(scratch, 'whole', 'held-out', 'trajectory-code')
  const heldOutRows = manifestIn(folder)
  assert.equal(
    Object.keys(heldOutRows.domains)
      .map((domain) => domain.replace(/-[0-9a-f]{8}$/, ''))
      .sort(),
    ['delta', 'epsilon'],
  )
  assert.equal(
    Object.entries(heldOutRows.masks).filter(([, isTrained]) => isTrained),
    [['action', true]],
  )
  const [file] = heldOutRows.shards
  const [row] = await readShard(join(folder, file?.file ?? ''))
  assert.ok(row !== undefined && row.labels.includes(-100))
})

test('what agents tried and mended is trained in no arm, and what they saw in the unmasked arms alone', async () => {
  const store = new RunStore(join(scratch, 'whole', 'runs', 'without-search'))
  const steps = store
    .finished('trajectories')
    .flatMap((id) => store.read('trajectories', id, trajectorySchema).episodes.flatMap((episode) => episode.steps))
  const textOf = ({ blob, start, end }: BlobSpan): string =>
    Buffer.from(store.blobs.get(blob).subarray(start, end)).toString()
  const drafts = steps.flatMap(({ action }) =>
    action.tool === 'Write' && action.draft === true ? [textOf(action.content)] : [],
  )
  const read = steps.flatMap(({ action, observation }) =>
    action.tool === 'Read' && observation !== null ? textOf(observation) : [],
  )
  assert.ok(drafts.length > 0 && read.length > 0, `${drafts.length} drafts, ${read.length} reads`)
  const tokenizer = await loadTokenizer(tinyModel)
  for (const arm of ablationArms) {
    const folder = join(scratch, 'whole', 'arms', arm)
    const files = manifestIn(folder).shards.filter(({ format }) => format === 'parquet')
    const rows = (await Promise.all(files.map(({ file }) => readShard(join(folder, file))))).flat()
    const all = rows.map(({ inputIds }) => tokenizer.decode([...inputIds])).join('')
    // What is not trained leaves a gap, over which no text goes.
    const trained = rows
      .map(({ labels }) =>
        runsOf([...labels])
          .map((ids) => tokenizer.decode(ids))
          .join('\u0000'),
      )
      .join('\u0000')
    for (const draft of drafts) {
      assert.is(all.includes(draft), arm !== 'raw-code', `${arm}: ${draft}`)
      assert.not(trained.includes(draft), `${arm} learns ${draft}`)
    }
    // The file that is read is written and trained elsewhere: each place counts.
    const count = (within: string): number => read.reduce((sum, text) => sum + within.split(text).length - 1, 0)
    if (arm === 'raw-code') continue
    assert.is(count(all) - count(trained), arm.endsWith('unmasked') ? 0 : read.length, arm)
  }
})

/** The labels between those that are ignored. */
function runsOf(labels: readonly number[]): number[][] {
  const runs: number[][] = [[]]
  for (const label of labels) {
    if (label !== ignoreIndex) runs.at(-1)?.push(label)
    else if (runs.at(-1)?.length !== 0) runs.push([])
  }
  return runs
}

test('an ablation that is done is not done again, and more seeds or fewer arms take only what is missing', async () => {
  const again = fakeModels()
  const before = digestFolder(join(scratch, 'whole'), [])
  await ablate(requestOf('whole'), context, again)
  assert.equal([again.trained.length, again.evaluated.length], [0, 0])
  assert.equal(digestFolder(join(scratch, 'whole'), []), before)

  cpSync(join(scratch, 'whole'), join(scratch, 'more'), { recursive: true })
  const more = fakeModels()
  const { ablation: three } = await ablate(requestOf('more', { seeds: 3, arms: ['raw-code', 'search'] }), context, more)
  assert.equal(more.evaluated, ['raw-code 2', 'search 2'])
  assert.equal(
    three.arms.map(({ arm, trainings }) => [arm, trainings.length]),
    [
      ['raw-code', 3],
      ['search', 3],
    ],
  )
})

test('one that is stopped at any place goes on there, and ends in the same figures', async () => {
  const done: string[] = []
  let starts = 0
  for (let isDone = false; !isDone; starts++) {
    assert.ok(starts < 20, 'it never ends')
    const models = fakeModels(3)
    try {
      await ablate(requestOf('stopped'), context, models)
      isDone = true
    } catch (error) {
      assert.is((error as CoreError).code, 'ABORTED')
    }
    done.push(...models.trained.map(({ out }) => out), ...models.evaluated)
  }
  // 21 units, three to a start.
  assert.is(starts, 7)
  assert.is(done.length, 21)
  assert.is(new Set(done).size, 21)
  for (const name of ['ablation.json', 'ablation.html']) {
    assert.is(readFileSync(join(scratch, 'stopped', name), 'utf8'), readFileSync(join(scratch, 'whole', name), 'utf8'))
  }
})

test('a training that saved and stopped is no model, and a stop is not lost between two units', async () => {
  const stopping: ModelWork = {
    ...fakeModels(),
    train: (request) =>
      later(() => ({
        ...{ out: request.out, model: null, reason: 'stopped', step: 1, totalSteps: 2, loss: 2, tokens: 2000 },
        nothingToDo: false,
      })),
  }
  cpSync(join(scratch, 'whole'), join(scratch, 'halted'), { recursive: true })
  rmSync(join(scratch, 'halted', 'trained'), { recursive: true })
  assert.is((await failure(ablate(requestOf('halted'), context, stopping))).code, 'ABORTED')
  assert.not(existsSync(join(scratch, 'halted', 'trained', 'raw-code.seed-0.json')))
  const signal = AbortSignal.abort(new CoreError('ABORTED', 'Stopped.'))
  const models = fakeModels()
  assert.is((await failure(ablate(requestOf('halted'), { ...context, signal }, models))).code, 'ABORTED')
  assert.is(models.trained.length, 0)
})

test('figures are those of a hand: passes, means, spreads and differences by seed and by repository', () => {
  const raw = ablation.arms.find(({ arm }) => arm === 'raw-code')
  assert.equal(raw?.trainings[0], {
    ...{ seed: 0, steps: 2, tokens: 4000, trainedTokens: 3000, loss: 1, seconds: 1 },
    epochs: 4000 / (raw?.packed.tokens ?? 0),
  })
  const code = ablation.measures.find(({ measure }) => measure === 'code')
  assert.is(code?.base, 3)
  const search = code?.arms.find(({ arm }) => arm === 'search')
  // Seeds 0 and 1 give 1.80 and 1.81: mean 1.805, deviation 0.01 / sqrt 2.
  assert.equal(search?.values, [1.8, 1.81])
  assert.ok(Math.abs((search?.mean ?? 0) - 1.805) < 1e-12)
  assert.ok(Math.abs((search?.standardDeviation ?? 0) - 0.01 / Math.SQRT2) < 1e-12)
  // Half a hundredth is the standard error, and 12.706 of it the reach of one degree of freedom.
  assert.ok(Math.abs((search?.interval?.[0] ?? 0) - (1.805 - 12.706 * 0.005)) < 1e-12)
  // Each seed is 0.2 below bare code, with nothing between the seeds.
  assert.ok(Math.abs((search?.overSeeds?.mean ?? 0) + 0.2) < 1e-12)
  assert.ok((search?.overSeeds?.standardError ?? 1) < 1e-12)
  assert.is(search?.overRepositories?.pairs, 2)
  assert.is(search?.overRepositories?.better, 2)
  assert.ok(Math.abs((search?.overRepositories?.mean ?? 0) + 0.2) < 1e-12)
  const unmasked = code?.arms.find(({ arm }) => arm === 'search-unmasked')
  assert.is(unmasked?.overSeeds?.isDistinguishable, false)
  assert.is(unmasked?.overRepositories?.better, 0)
  assert.is(code?.arms[0]?.overSeeds, null)
})

test('the statistics are those of a worked example', () => {
  // Differences 1, 2, 3: mean 2, deviation 1, standard error 1 / sqrt 3, t 4.303 with two degrees of freedom.
  const difference = pairedDifference([11, 22, 33], [10, 20, 30])
  assert.is(difference.mean, 2)
  assert.ok(Math.abs((difference.standardError ?? 0) - 0.5773502691896258) < 1e-12)
  assert.ok(Math.abs((difference.interval?.[0] ?? 0) - -0.484338) < 1e-5)
  assert.ok(Math.abs((difference.interval?.[1] ?? 0) - 4.484338) < 1e-5)
  assert.is(difference.isDistinguishable, false)
  // 2, 2.1, 1.9: the same mean, a tenth of the deviation.
  assert.is(pairedDifference([2, 2.1, 1.9], [0, 0, 0]).isDistinguishable, true)
  assert.is(pairedDifference([-2, -2.1, -1.9], [0, 0, 0]).isDistinguishable, true)
  assert.equal(pairedDifference([5], [3]), {
    ...{ pairs: 1, mean: 2, standardError: null, interval: null, isDistinguishable: false },
  })
  assert.is(standardDeviationOf([2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7))
  assert.equal([1, 2, 11, 30, 35, 1000].map(tQuantile), [12.706, 4.303, 2.201, 2.042, 2.042, 1.98])
})

test('a split is one of the names alone, leaves one on each side, and keeps versions of one together', () => {
  const names = Array.from({ length: 20 }, (_, at) => `/repositories/r${at}`)
  const { training: left, heldOut: right } = splitRepositories(names, null, { share: 0.2, seed: 0 })
  assert.equal([left.length, right.length], [16, 4])
  assert.equal([...left, ...right].sort(), [...names].sort())
  const reversed = splitRepositories([...names].reverse(), null, { share: 0.2, seed: 0 })
  assert.equal([...reversed.heldOut].sort(), [...right].sort())
  assert.not.equal(splitRepositories(names, null, { share: 0.2, seed: 1 }).heldOut, right)
  const [held] = right
  const twice = splitRepositories([...names, `/elsewhere/${basename(held ?? '')}`], null, { share: 0.2, seed: 0 })
  assert.is(twice.heldOut.filter((input) => basename(input) === basename(held ?? '')).length, 2)
  assert.is(splitRepositories(names.slice(0, 2), null, { share: 0.01, seed: 0 }).heldOut.length, 1)
  assert.is(splitRepositories(names.slice(0, 2), null, { share: 0.99, seed: 0 }).training.length, 1)
})

test('too few repositories, or one on both sides, is one clear line', () => {
  const options = { share: 0.2, seed: 0 }
  assert.throws(() => splitRepositories(['/a'], null, options), /One repository is too few .*Give two at least/)
  assert.throws(() => splitRepositories(['/x/a', '/y/a'], null, options), /2 repositories are too few/)
  assert.throws(() => splitRepositories(['/a', '/b'], ['/b'], options), /\/b: named to train on and to hold out/)
  assert.throws(() => splitRepositories([], ['/b'], options), /too few/)
})

test('tasks are made of the held-out repositories alone, once, and every model is measured on the same', async () => {
  const models = fakeModels()
  const asked: (string | null)[] = []
  const { evaluate } = models
  models.evaluate = async (request, given) => {
    asked.push(request.tasks)
    const scores = { tasks: 1, tooLong: 0, exactMatch: 0.5, editSimilarity: 0.75 }
    return { ...(await evaluate(request, given)), completion: { ...scores, repositories: { some: scores } } }
  }
  const request = requestOf('tasks', { tasks: true, seeds: 1, arms: ['raw-code', 'trajectories'] })
  const { ablation: measured } = await ablate(request, context, models)
  assert.equal(asked, new Array(3).fill(join(scratch, 'tasks', 'held-out', 'tasks.jsonl')))
  const lines = readFileSync(String(asked[0]), 'utf8').trimEnd().split('\n')
  const tasks = lines.map((line) => evaluationTaskSchema.parse(JSON.parse(line)))
  const from = new Set(tasks.flatMap((task) => (task.kind === 'completion' ? [task.repository] : [])))
  assert.equal([...from].sort(), measured.repositories.heldOut.map(({ id }) => id).sort())
  assert.equal(
    measured.measures.map(({ measure }) => measure),
    ['code', 'trajectory-code', 'exact-match', 'edit-similarity'],
  )
  assert.is(measured.measures[3]?.arms[1]?.overRepositories?.pairs, 1)
  assert.match((await failure(ablate(requestOf('whole', { tasks: true }), context, models))).message, /another tasks/)
})

test('a held-out repository with the content of one that is trained on stops it before the search', async () => {
  const copy = join(scratch, 'zeta')
  cpSync(training[0] as string, copy, { recursive: true })
  const request = { ...requestOf('same'), split: { training, heldOut: [copy] } }
  const error = await failure(ablate(request, context, fakeModels()))
  assert.is(error.code, 'INPUT_INVALID')
  assert.match(error.message, /zeta is held out, and alpha that is trained on has the same content/)
  assert.not(existsSync(join(scratch, 'same', 'runs', 'with-search')))
})

test('repositories of which none can be read, and arms without a row, are refused with what to do', async () => {
  const empty = join(scratch, 'empty')
  mkdirSync(empty)
  const none = { ...requestOf('none'), split: { training: [empty], heldOut } }
  assert.is((await failure(ablate(none, context, fakeModels()))).code, 'INPUT_INVALID')

  const config = loadAblationConfig(configFile)
  const masks = { ...config.run.packing.masks, action: false }
  const untrained = { ...config, run: { ...config.run, packing: { ...config.run.packing, masks } } }
  const models = fakeModels()
  const error = await failure(
    ablate(requestOf('untrained', { config: untrained, arms: ['raw-code'] }), context, models),
  )
  assert.is(error.code, 'CONFIG_INVALID')
  assert.match(error.message, /raw-code: no row has anything to train/)
  assert.is(models.evaluated.length, 0)
})

test('what cannot be trained is refused before anything is made', async () => {
  const config = loadAblationConfig(configFile)
  const withRun = (run: Partial<typeof config.run>): typeof config => ({ ...config, run: { ...config.run, ...run } })
  const wrong: [Partial<AblationRequest['choices']>, RegExp][] = [
    [{ tokens: 2047 }, /2047 tokens are less than one step of 2 rows of 1024 tokens. Give at least --tokens 2048/],
    [{ arms: [] }, /No arm was chosen/],
    [{ config: withRun({ search: false }) }, /run.search is false/],
    [{ config: withRun({ packing: { ...config.run.packing, content: 'code' } }) }, /run.packing.content/],
    [
      { config: withRun({ packing: { ...config.run.packing, sequenceLength: 131072 } }), tokens: 1e6 },
      /takes \d+ tokens/,
    ],
  ]
  for (const [changes, message] of wrong) {
    const error = await failure(ablate(requestOf('refused', changes), context, fakeModels()))
    assert.match(error.message, message)
    assert.not(existsSync(join(scratch, 'refused')))
  }
})

test('a folder of another ablation, or of a run, is left alone', async () => {
  const other = await failure(ablate(requestOf('whole', { tokens: 8192 }), context, fakeModels()))
  assert.is(other.code, 'RUN_MISMATCH')
  assert.match(other.message, /another tokens\. .*only --arms and --seeds may change/)
  const run = { ...requestOf('whole'), folder: join(scratch, 'whole', 'runs', 'held-out') }
  assert.match((await failure(ablate(run, context, fakeModels()))).message, /something else than an ablation/)
})

test('the plan says what there is to do and what was measured, and makes nothing', async () => {
  const plan = await planAblation(requestOf('planned'))
  assert.not(existsSync(join(scratch, 'planned')))
  assert.equal([plan.models, plan.tokensInAll, plan.done, plan.measured], [10, 40960, { trained: 0, evaluated: 0 }, []])
  const done = await planAblation(requestOf('whole', { seeds: 3 }))
  assert.equal([done.models, done.done], [15, { trained: 10, evaluated: 10 }])
  const units = Object.fromEntries(done.measured.map(({ stage, units: count }) => [stage, count]))
  assert.equal(units, { prepared: 3, packed: 7, trained: 10, evaluated: 11 })
})

test('a training that fails says which model it befell, and keeps what was made before', async () => {
  const models = fakeModels()
  const { train } = models
  models.train = async (request, asked) => {
    if (models.trained.length < 3) return train(request, asked)
    throw new TrainingError('NON_FINITE', 'The loss of step 2 is nan.', { step: 2 })
  }
  const error = await failure(ablate(requestOf('failing', { arms: ['raw-code', 'search'] }), context, models))
  assert.is(error.code, 'NON_FINITE')
  assert.match(error.message, /^search, seed 1: The loss of step 2 is nan\. .* is kept; --arms without search/)
  assert.equal(error.details, { step: 2, arm: 'search', seed: 1 })
  const { ablation: rest } = await ablate(requestOf('failing', { arms: ['raw-code'] }), context, fakeModels(0))
  assert.is(rest.arms[0]?.trainings.length, 2)
})

test('keys that a config leaves away are those for the small model, and those that it has are its own', () => {
  const none = loadAblationConfig(undefined)
  assert.equal([none.run.packing.sequenceLength, none.run.synthesis.maxActionBytes], [4096, 6000])
  assert.equal([none.training.exportType, none.training.compute], ['float32', 'float32'])
  const path = join(scratch, 'some-keys.json')
  const run = { synthesis: { maxActionBytes: 999 }, packing: { renderer: 'plain' } }
  writeFileSync(path, JSON.stringify({ run, training: { until: { epochs: 1 }, optimizer: { learningRate: 0.5 } } }))
  const some = loadAblationConfig(path)
  assert.equal([some.run.packing.sequenceLength, some.run.synthesis.maxActionBytes], [4096, 999])
  assert.equal([some.run.packing.renderer, some.training.exportType], ['plain', 'float32'])
  assert.equal([some.training.until, some.training.optimizer.learningRate], [{ epochs: 1 }, 0.5])
  writeFileSync(path, JSON.stringify({ run: { packing: 5 } }))
  assert.throws(() => loadAblationConfig(path), /some-keys\.json .*run\.packing/s)
})

test('a held-out repository whose name is among the sources of the model is named', () => {
  const model = join(scratch, 'model')
  mkdirSync(model)
  const sources = ['github.com/spf13/cobra', '@antv/g2', 'log', 'Click'].map((name) => ({ registry: 'x', name }))
  writeFileSync(join(model, 'manifest.json'), JSON.stringify({ sources }))
  const named = (...names: string[]): { name: string; names: string[] } => ({ name: names[0] as string, names })
  const found = findKnown(model, [
    named('cobra', 'gh-spf13-cobra'),
    named('title', 'gh-pallets-click'),
    // A short name at the end of a longer one says nothing.
    named('swift-log', 'swift-log'),
    named('g2', 'g2'),
    named('other', 'clickhouse'),
  ])
  assert.equal(
    found.map(({ name, source }) => [name, source]),
    [
      ['cobra', 'github.com/spf13/cobra'],
      ['title', 'Click'],
      ['g2', '@antv/g2'],
    ],
  )
  assert.equal(findKnown(scratch, [named('cobra')]), [])
})

test('checkpoints of a model that is trained are let go, the model stays', () => {
  const folder = join(scratch, 'whole', 'training', 'search', 'seed-1')
  assert.equal(readdirSync(folder).sort(), ['metrics.jsonl', 'model'])
  assert.ok(new RunStore(join(scratch, 'whole')).isFinished('trained', 'search.seed-1'))
})

test.run()
