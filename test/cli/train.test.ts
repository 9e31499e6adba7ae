import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { endOf, fourSteps, isAlive, shippedModel, startEvent, stepEvent, until, writeFakePython, writeLlama8b, writeShards, type Deed } from '../training/training-fakes.js' // prettier-ignore
import { runCli } from './run-cli.js'

const test = suite('retrace train')

/** A run with packed shards, and a Python that plays as told. */
function scene(deeds: readonly Deed[]): { run: string; out: string; args: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-train-cli-'))
  const run = join(folder, 'run')
  writeShards(join(run, 'shards'), shippedModel)
  const python = writeFakePython(join(folder, 'bin'), deeds)
  return { run, out: join(run, 'training'), args: ['train', run, '--python', python, '--model', shippedModel] }
}

test('a run is trained into its own folder, with the facts of the last step beside the rate', async () => {
  const { out, args } = scene(fourSteps)
  const { code, stdout, stderr } = await runCli(args)
  assert.is(code, 0, stderr)
  assert.match(stderr, /^Training: 4\/4 steps, [\d.]+\/s, loss 2\.600 {2}9,876 tok\/s {2}MFU 38 % {2}71\.2 GiB$/m)
  assert.is(stdout, 'Trained: 4 steps, 400 tokens, loss 2.600 nats a token. Model: /somewhere/model\n')
  assert.is(existsSync(join(out, 'job.json')), true)
})

test('with --json the summary is one value, and --quiet says nothing beside', async () => {
  const { stdout, stderr } = await runCli([...scene(fourSteps).args, '--json', '--quiet'])
  assert.is(stderr, '')
  assert.is((JSON.parse(stdout) as { step: number }).step, 4)
})

test('a failure of the loop is its code and its words', async () => {
  const failure = { code: 'NON_FINITE', message: 'Step 3 gave the loss nan. Lower the learning rate.', details: {} }
  const { args } = scene([{ file: 'failure.json', text: JSON.stringify(failure) }, { exit: 1 }])
  const { code, stdout, stderr } = await runCli([...args, '--json'])
  assert.is(code, 1)
  assert.is(stderr, 'retrace: Step 3 gave the loss nan. Lower the learning rate.\n')
  assert.is((JSON.parse(stdout) as { error: { code: string } }).error.code, 'NON_FINITE')
})

const stoppable: Deed[] = [
  { line: startEvent },
  { line: stepEvent(1) },
  { waitForStop: true },
  { line: stepEvent(2) },
  { line: endOf(2, 'stopped') },
  { exit: 0 },
]

test('Ctrl-C saves and ends, and says how to go on', async () => {
  const { args } = scene(stoppable)
  const { code, stdout, stderr } = await runCli(args, { afterMs: 0, signal: 'SIGINT', whenItSays: /2 ranks on/ })
  assert.is(code, 1)
  assert.match(stderr, /Stopping: the step at hand is finished and saved first/)
  assert.is(
    stdout,
    'Stopped and saved at step 2 of 4: 200 tokens, loss 2.800 nats a token. The same command goes on from there.\n',
  )
})

test('a second Ctrl-C ends at once what heeds no stop', async () => {
  const { out, args } = scene([{ orphan: 'orphan.pid' }, { line: startEvent }, { hang: true }])
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const ended = new Promise((resolve) => child.on('close', resolve))
  await until(() => said.includes('2 ranks on'), 'the start')
  child.kill('SIGINT')
  await until(() => said.includes('Stopping'), 'the first stop')
  // Within a second it would be the same press of the key.
  await sleep(1200)
  child.kill('SIGINT')
  assert.is(await ended, 1)
  assert.match(said, /retrace: Stopped\. Run the same command again/)
  const orphan = Number(readFileSync(join(out, 'orphan.pid'), 'utf8'))
  await until(() => !isAlive(orphan), 'the end of the orphan')
})

test('where the command itself is killed, its ranks are asked to save', async () => {
  const { out, args } = scene([...stoppable.slice(0, 3), { file: 'saved', text: '' }, { exit: 0 }])
  await runCli(args, { afterMs: 0, signal: 'SIGKILL', whenItSays: /2 ranks on/ })
  await until(() => existsSync(join(out, 'saved')), 'the save')
})

test('--print writes nothing, and what it prints starts the same training', async () => {
  const { out, args } = scene(fourSteps)
  const { code, stdout } = await runCli([...args, '--print'])
  assert.is(code, 0)
  assert.is(existsSync(out), false)
  assert.match(stdout, /^# Ranks {3}2 on cpu, 1 of 2 rows a step for each/m)
  assert.match(stdout, /^# {3}typescript +80\.0 % {2}of 400,000 tokens, each seen/m)
  assert.match(stdout, /^# Memory {2}about [\d.]+ GiB of 4\.0 GiB for each rank/m)
  const { status, stderr } = spawnSync('bash', ['-euc', stdout], { encoding: 'utf8' })
  assert.is(status, 0, stderr)
  const byHand = readFileSync(join(out, 'job.json'), 'utf8')
  const { code: again } = await runCli([...args, '--out', `${out}-2`])
  assert.is(again, 0)
  assert.is(readFileSync(join(`${out}-2`, 'job.json'), 'utf8').replaceAll(`${out}-2`, out), byHand)
  // What was started by hand is the same training: the command goes on with it, and another's folder stays as it is.
  const goesOn = await runCli(args)
  assert.is(goesOn.code, 0, goesOn.stderr)
  const record = readFileSync(join(out, 'config.json'), 'utf8')
  assert.is(record, readFileSync(join(`${out}-2`, 'config.json'), 'utf8'))
  writeFileSync(join(out, 'config.json'), '{}')
  const other = spawnSync('bash', ['-c', `${stdout}\necho "the shell lives: $?"`], { encoding: 'utf8' })
  assert.match(other.stderr, /RUN_MISMATCH/)
  assert.is(other.stdout, 'the shell lives: 2\n')
  assert.is(readFileSync(join(out, 'config.json'), 'utf8'), '{}')
})

test('--slurm for machines that are not here needs no Python and no GPU', async () => {
  const { run } = scene([])
  const model = writeLlama8b(join(run, '..', 'llama'))
  writeShards(join(run, 'shards'), model, { sequenceLength: 65_536 })
  const target = ['--nodes', '8', '--gpus-per-node', '8', '--gpu-memory', '139', '--python', '/cluster/bin/python']
  const { code, stdout, stderr } = await runCli([
    'train',
    run,
    '--preset',
    'llama-3-8b',
    '--model',
    model,
    '--slurm',
    ...target,
  ])
  assert.is(code, 0, stderr)
  assert.match(stdout, /^#!\/bin\/bash\n/)
  assert.match(stdout, /^srun .* \/cluster\/bin\/python -m torch\.distributed\.run --nnodes 8 /m)
  assert.match(stdout, /"tokens": 20000000000/)
  const small = await runCli(['train', run, '--preset', 'llama-3-8b', '--model', model, '--print', '--gpus-per-node', '1', '--gpu-memory', '80']) // prettier-ignore
  assert.is(small.code, 2)
  assert.match(small.stderr, /would need 12\d\.\d GiB .* there are 80\.0 GiB.*What would fit: 4 GPUs of this size/)
})

test('the keys of --config take the place of those of the preset', async () => {
  const { run, out, args } = scene(fourSteps)
  const config = join(run, '..', 'config.json')
  writeFileSync(config, '{"until": {"epochs": 0.5}, "optimizer": {"weightDecay": 0}}')
  assert.is((await runCli([...args, '--config', config])).code, 0)
  const job = JSON.parse(readFileSync(join(out, 'job.json'), 'utf8')) as { config: Record<string, unknown> }
  assert.equal(job.config['until'], { epochs: 0.5 })
  assert.equal((job.config['optimizer'] as Record<string, number>)['learningRate'], 3e-4)
  writeFileSync(config, '{"until": {"steps": 0}}')
  const wrong = await runCli([...args, '--config', config])
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, /config\.json is not a valid config: until\.steps/)
})

test('what is asked for wrongly is said in one line, with exit code 2', async () => {
  const { run, args } = scene(fourSteps)
  const wrong: [string[], RegExp][] = [
    [['train', join(run, 'nowhere')], /does not exist\. Check the path/],
    [[...args, '--preset', 'huge'], /Allowed choices are small, llama-3-8b/],
    [[...args, '--processes', '0'], /Give a whole number, 1 or more/],
    [[...args, '--processes', '3'], /3 ranks cannot share 2 rows/],
    [[...args, '--venv', 'x'], /--python or --venv, not both/],
    [[...args, '--nodes', '2'], /give --rendezvous HOST:PORT/],
    [[...args, '--gpu-memory', '80', '--print'], /Give both/],
    [[...args, '--device', 'cuda'], /No GPU is usable/],
    [['train', run, '--preset', 'llama-3-8b'], /Name its folder with --model/],
    [[...args, '--preset', 'llama-3-8b'], /is for a model of another shape .* layers 4 \(expected 32\)/],
  ]
  for (const [line, message] of wrong) {
    const { code, stderr } = await runCli(line)
    assert.is(code, 2, `${line.join(' ')}: ${stderr}`)
    assert.match(stderr, message)
  }
})

test('what does not fit together is told before a Python environment is made for it', async () => {
  const { run } = scene(fourSteps)
  const [venv, config] = [join(run, '..', 'venv'), join(run, '..', 'config.json')]
  writeFileSync(config, '{"batchRows": 3, "microBatchRows": 2}')
  const path = process.env['PATH']
  process.env['PATH'] = '/nowhere'
  try {
    const uneven = await runCli(['train', run, '--venv', venv, '--config', config])
    assert.match(uneven.stderr, /batchRows \(3\) is no multiple of microBatchRows \(2\)/)
    writeShards(join(run, 'shards'), shippedModel, { tokenizer: 'a'.repeat(64) })
    const other = await runCli(['train', run, '--venv', venv])
    assert.equal([uneven.code, other.code], [2, 2])
    assert.match(other.stderr, /was packed with another tokenizer/)
    assert.is(existsSync(venv), false)
  } finally {
    process.env['PATH'] = path
  }
})

test('a folder without packed shards is no run that has come to its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-train-empty-'))
  const { code, stderr } = await runCli(['train', folder])
  assert.is(code, 1)
  assert.match(stderr, /has no packed shards\. Run it to its end first/)
  // The manifest at the top of a run lists no shards.
  writeFileSync(join(folder, 'manifest.json'), '{}')
  writeFileSync(join(folder, 'config.json'), '{}')
  mkdirSync(join(folder, 'shards'))
  assert.match((await runCli(['train', folder])).stderr, /has no packed shards/)
})

test.run()
