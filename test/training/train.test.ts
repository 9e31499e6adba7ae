import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import type { RetraceError } from '../../src/core/index.js'
import { presetConfig, train, type TrainingContext, type TrainingSummary } from '../../src/training/index.js'
import {
  cpuProbe,
  endOf,
  fourSteps,
  isAlive,
  recordedProgress,
  requestFor,
  startEvent,
  stepEvent,
  shippedModel,
  until,
  writeFakePython,
  writeShards,
  type Deed,
} from './training-fakes.js'

const test = suite('train')

interface Scene {
  folder: string
  out: string
  lines: string[]
  start: (deeds: readonly Deed[], context?: Partial<TrainingContext>, config?: object) => Promise<TrainingSummary>
}

function scene(): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'retrace train '))
  writeShards(join(folder, 'shards'), shippedModel)
  const { progress, lines } = recordedProgress()
  const start: Scene['start'] = (deeds, context = {}, config = {}) => {
    const python = writeFakePython(join(folder, 'bin'), deeds)
    const request = requestFor(folder, python, { config: presetConfig('small', { until: { steps: 4 }, ...config }) })
    return train(request, { progress, ...context })
  }
  return { folder, out: join(folder, 'out'), lines, start }
}

async function failureOf(work: Promise<unknown>): Promise<RetraceError> {
  try {
    await work
  } catch (error) {
    return error as RetraceError
  }
  throw new Error('nothing was thrown')
}

test('a training is started with its job and followed to its end', async () => {
  const { out, lines, start } = scene()
  const summary = await start(fourSteps)
  assert.equal(summary, {
    out,
    model: '/somewhere/model',
    reason: 'done',
    step: 4,
    totalSteps: 4,
    loss: 2.6,
    tokens: 400,
    nothingToDo: false,
  })
  assert.ok(lines.includes('Training 0/4 steps'))
  assert.ok(lines.includes('+1 loss 2.900  9,876 tok/s  MFU 38 %  71.2 GiB'), lines.join('\n'))
  assert.is(lines.at(-1), 'Training is over')
  assert.is(existsSync(join(out, 'lock')), false)
})

test('the ranks get our packages and no network, and torchrun its one machine', async () => {
  const { out, start } = scene()
  await start(fourSteps)
  const { args, env } = JSON.parse(readFileSync(join(out, 'started.json'), 'utf8')) as {
    args: string[]
    env: Record<string, string>
  }
  assert.equal(args.slice(0, 3), ['-m', 'torch.distributed.run', '--standalone'])
  assert.equal(args.slice(-4), ['-m', 'retrace_train', '--job', join(out, 'job.json')])
  assert.match(env['PYTHONPATH'] ?? '', /python/)
  assert.equal([env['HF_HUB_OFFLINE'], env['OMP_NUM_THREADS'], env['PYTHONDONTWRITEBYTECODE']], ['1', '1', '1'])
})

test('a second start goes on where the loop does, also where its first line is like an earlier one', async () => {
  const { lines, start } = scene()
  const killed: Deed[] = [{ line: startEvent }, { line: stepEvent(1) }, { line: stepEvent(2) }, { exit: 1 }]
  await failureOf(start(killed))
  lines.length = 0
  // No checkpoint yet: the loop keeps the start alone, and says the very same again.
  await start([{ keepLines: 1 }, ...fourSteps])
  assert.is(lines.filter((line) => line === 'Training 0/4 steps').length, 1)
  assert.is(lines.filter((line) => line.startsWith('+1')).length, 4, lines.join('\n'))
  // Everything is done: a start and an end, and the loss and tokens of long ago.
  lines.length = 0
  const again = await start([{ line: { ...startEvent, step: 4 } }, { line: endOf(4) }, { exit: 0 }])
  assert.equal([again.nothingToDo, again.loss, again.tokens], [true, 2.6, 400])
  assert.is(lines.filter((line) => line.startsWith('+')).length, 0)
})

test('lines that are no events are passed over, and half a line waits for its end', async () => {
  const { lines, start } = scene()
  const hostile = [
    '{',
    'null',
    '{"event":"step","step":"one"}',
    '[]',
    '{"event":"constructor"}',
    '"\\u0000"',
    'x'.repeat(100_000),
  ]
  const summary = await start([{ line: startEvent }, ...hostile.map((line): Deed => ({ line })), ...fourSteps.slice(1)])
  assert.is(summary.step, 4)
  assert.ok(lines.includes(`${hostile.length} lines of metrics.jsonl could not be read.`))
})

test('what the loop says of its failure is the error, with the step that is saved', async () => {
  const { out, start } = scene()
  const failure = {
    code: 'SHARD_CHANGED',
    message: 'a-00000.parquet is not what the manifest says.',
    details: { path: 'a' },
  }
  const error = await failureOf(
    start([
      { file: 'checkpoints/step-00000002/retrace.json', text: '{}' },
      { file: 'checkpoints/step-00000003.tmp/part', text: '' },
      { file: 'failure.json', text: JSON.stringify(failure) },
      { exit: 1 },
    ]),
  )
  assert.is(error.code, 'SHARD_CHANGED')
  assert.is(error.name, 'TrainingError')
  assert.match(
    error.message,
    /^a-00000\.parquet is not what the manifest says\. The last whole checkpoint is step 2: run the same command again/,
  )
  assert.is(error.details['path'], 'a')
  // The next start is not taken for failed by what this one left.
  const summary = await start(fourSteps)
  assert.is(summary.reason, 'done')
  assert.is(existsSync(join(out, 'failure.json')), false)
})

test('a failure that cannot be read is one all the same', async () => {
  for (const text of ['', '{"code": 7}', '[]']) {
    const { start } = scene()
    const error = await failureOf(start([...fourSteps.slice(0, -2), { file: 'failure.json', text }, { exit: 1 }]))
    assert.is(error.code, 'UNEXPECTED')
    assert.match(error.message, /cannot be read/)
  }
})

const torchrunReport = (entries: readonly [number, number][]): string => {
  const one = ([rank, exitCode]: readonly [number, number]): string =>
    `[${rank}]:\n  time      : 2026-01-01_00:00:00\n  host      : box\n  rank      : ${rank} (local_rank: ${rank})\n  exitcode  : ${exitCode} (pid: 4711)\n  error_file: <N/A>`
  const [root, ...others] = entries as [[number, number], ...[number, number][]]
  return `====\ntrain FAILED\n----\nFailures:\n${others.map(one).join('\n') || '  <NO_OTHER_FAILURES>'}\n----\nRoot Cause (first observed failure):\n${one(root)}\n====`
}

test('a rank that died is named with its signal and its last words', async () => {
  const { start } = scene()
  const error = await failureOf(
    start([
      { line: startEvent },
      { rankSays: 'one\nsegmentation fault, core dumped\n', rank: 3 },
      { say: torchrunReport([[3, -9]]) },
      { exit: 1 },
    ]),
  )
  assert.is(error.code, 'RANK_DIED')
  assert.match(
    error.message,
    /^Rank 3 was ended by SIGKILL \(the system does so where memory runs out\)\. No checkpoint was saved yet/,
  )
  assert.match(error.message, /segmentation fault, core dumped$/)
  assert.equal([error.details['rank'], error.details['exitCode']], [3, -9])
})

test('where the living rank tells of a lost one, the lost one is named', async () => {
  const { start } = scene()
  const failure = { code: 'RANK_LOST', message: 'Another rank ended.', details: {} }
  const dead: Deed[] = [{ file: 'failure.json', text: JSON.stringify(failure) }, { say: torchrunReport([[0, 1], [1, -9]]) }, { exit: 1 }] // prettier-ignore
  const error = await failureOf(start(dead))
  assert.equal([error.code, error.details['rank']], ['RANK_DIED', 1])
  // torchrun ends the rest with SIGTERM, which kills nobody who was not dying.
  const other = scene()
  const ended: Deed[] = [{ file: 'failure.json', text: JSON.stringify(failure) }, { say: torchrunReport([[0, 1], [1, -15]]) }, { exit: 1 }] // prettier-ignore
  assert.is((await failureOf(other.start(ended))).code, 'RANK_LOST')
})

test('an end without a word is a failure, whatever the exit code', async () => {
  const error = await failureOf(scene().start([{ line: startEvent }, { line: stepEvent(1) }, { exit: 0 }]))
  assert.is(error.code, 'RANK_DIED')
  assert.match(error.message, /ended without a word of how far it came/)
  const other = await failureOf(scene().start([{ say: 'No module named torch' }, { exit: 7 }]))
  assert.match(other.message, /ended with 7\..*\nNo module named torch$/s)
})

test('asked to stop, it waits for the step to be saved', async () => {
  const { out, lines, start } = scene()
  const stop = new AbortController()
  const work = start(
    [
      { line: startEvent },
      { line: stepEvent(1) },
      { waitForStop: true },
      { line: stepEvent(2) },
      { line: endOf(2, 'stopped') },
      { exit: 0 },
    ],
    { signal: stop.signal },
  )
  await until(() => lines.some((line) => line.startsWith('+1')), 'the first step')
  stop.abort()
  const summary = await work
  assert.equal([summary.reason, summary.step, summary.model], ['stopped', 2, null])
  assert.ok(lines.some((line) => line.startsWith('Stopping: the step at hand')))
  assert.is(existsSync(join(out, 'stop')), true)
  await start(fourSteps)
  assert.is(existsSync(join(out, 'stop')), false)
})

test('asked twice, it ends at once and leaves no process, not even one in a session of its own', async () => {
  const { out, start } = scene()
  const [stop, kill] = [new AbortController(), new AbortController()]
  const deeds: Deed[] = [
    { orphan: 'orphan.pid' },
    { file: 'checkpoints/step-00000001/retrace.json', text: '{}' },
    { line: startEvent },
    { hang: true },
  ]
  const work = failureOf(start(deeds, { signal: stop.signal, kill: kill.signal }))
  await until(() => existsSync(join(out, 'metrics.jsonl')), 'the start')
  const orphan = Number(readFileSync(join(out, 'orphan.pid'), 'utf8'))
  assert.is(isAlive(orphan), true)
  stop.abort()
  kill.abort()
  const error = await work
  assert.is(error.code, 'ABORTED')
  assert.match(error.message, /checkpoint is step 1/)
  await until(() => !isAlive(orphan), 'the end of the orphan')
  assert.is(existsSync(join(out, 'lock')), false)
})

test('another config for the same folder is refused with the keys that differ', async () => {
  const { out, start } = scene()
  await start(fourSteps)
  const error = await failureOf(start(fourSteps, {}, { seed: 7, optimizer: { learningRate: 1e-3 } }))
  assert.is(error.code, 'RUN_MISMATCH')
  assert.match(
    error.message,
    /config\.optimizer\.learningRate \(0\.0003 there, 0\.001 here\), config\.seed \(0 there, 7 here\)/,
  )
  // How often it is saved decides nothing.
  await start(fourSteps, {}, { checkpoint: { everySteps: 1 } })
  // A folder of something else is nobody's to write to.
  writeFileSync(join(out, 'config.json'), '{"retraceVersion": "1"}')
  assert.is((await failureOf(start(fourSteps))).code, 'OUT_NOT_A_RUN')
  rmSync(join(out, 'config.json'))
  assert.is((await failureOf(start(fourSteps))).code, 'OUT_NOT_A_RUN')
})

test('shards that are gone or of another size are told before anything starts', async () => {
  const { folder, out, start } = scene()
  writeFileSync(join(folder, 'shards', 'a-00000.arrow'), 'more rows')
  assert.is((await failureOf(start(fourSteps))).code, 'SHARD_CHANGED')
  rmSync(join(folder, 'shards', 'a-00000.arrow'))
  assert.is((await failureOf(start(fourSteps))).code, 'SHARD_MISSING')
  writeFileSync(join(folder, 'shards', 'manifest.json'), '{"schemaVersion": 2}')
  assert.is((await failureOf(start(fourSteps))).code, 'MANIFEST_INVALID')
  assert.is(existsSync(out), false)
})

test('a folder that is in use is left alone', async () => {
  const { out, start } = scene()
  const stop = new AbortController()
  const first = start([{ line: startEvent }, { waitForStop: true }, { line: endOf(1, 'stopped') }, { exit: 0 }], {
    signal: stop.signal,
  })
  await until(() => existsSync(join(out, 'metrics.jsonl')), 'the start')
  assert.is((await failureOf(start(fourSteps))).code, 'RUN_BUSY')
  stop.abort()
  assert.is((await first).reason, 'stopped')
})

test('ranks whose command was killed save and end before the same command goes on', async () => {
  const { out, lines, start } = scene()
  mkdirSync(join(out, 'logs'), { recursive: true })
  const [stop, saved] = [join(out, 'stop'), join(out, '..', 'saved')]
  // It looks for the request only now and then, as between long steps.
  const rank = `const fs = require('node:fs'); let looks = 0; setInterval(() => {
    if (fs.existsSync(${JSON.stringify(stop)})) fs.writeFileSync(${JSON.stringify(saved)}, ''), process.exit()
    if (++looks > 60) process.exit()
  }, 500)`
  const left = spawn(process.execPath, ['-e', rank], { env: { RETRACE_TRAINING_FOLDER: out }, stdio: 'ignore' })
  const ended = new Promise((resolve) => left.on('close', resolve))
  try {
    assert.is((await start(fourSteps)).reason, 'done')
    assert.is(existsSync(saved), true)
    assert.is(lines.filter((line) => line.startsWith('Processes of an earlier start still save')).length, 1)
    assert.is(existsSync(stop), false)
  } finally {
    left.kill('SIGKILL')
    await ended
  }
})

test('an environment that lost its PyTorch is told before anything starts', async () => {
  const { folder, out } = scene()
  const python = writeFakePython(join(folder, 'bin'), fourSteps, { ...cpuProbe, torch: null })
  const error = await failureOf(train(requestFor(folder, python), recordedProgress()))
  assert.is(error.code, 'PYTHON_INCOMPLETE')
  assert.match(error.message, /torch is missing\. Run .* -m pip install -r/)
  assert.is(existsSync(out), false)
})

test('logs of the newest ten starts are kept', async () => {
  const { out, start } = scene()
  for (let i = 0; i < 12; i++) await start([{ say: `start ${i}` }, ...fourSteps])
  const names = readdirSync(join(out, 'logs')).sort()
  assert.equal([names.length, names[0], names.at(-1)], [10, '0003', '0012'])
  assert.match(readFileSync(join(out, 'logs', '0012', 'torchrun.log'), 'utf8'), /start 11/)
})

test('a program that is no Python is told as such', async () => {
  const { folder } = scene()
  const python = writeFakePython(join(folder, 'bin'), [], { hello: 1 })
  const error = await failureOf(train(requestFor(folder, python), recordedProgress()))
  assert.is(error.code, 'PYTHON_MISSING')
  const none = await failureOf(train(requestFor(folder, '/nowhere/python'), recordedProgress()))
  assert.match(none.message, /\/nowhere\/python does not answer as a Python would: .*ENOENT/)
})

test.run()
