import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { presetConfig, previewTraining } from '../../src/training/index.js'
import { endOf, fourSteps, gibibyte, requestFor, shippedModel, startEvent, writeFakePython, writeShards, type Deed } from './training-fakes.js' // prettier-ignore

const test = suite('Slurm script')

/** A folder whose name a shell would take apart, with a script of it and a cluster of one machine to run it on. */
async function scriptFor(deeds: readonly Deed[]): Promise<{ folder: string; out: string; run: () => Run }> {
  const folder = join(mkdtempSync(join(tmpdir(), 'retrace-slurm-')), `it's $(touch here) "two"; \`x\``)
  const bin = join(folder, 'bin')
  writeShards(join(folder, 'shards'), shippedModel)
  const python = writeFakePython(bin, deeds)
  const launch = { processes: null, nodes: 2, rendezvous: null, jobId: null }
  const request = requestFor(folder, python, { launch, config: presetConfig('small', { batchRows: 8 }) })
  const { slurm } = await previewTraining(request, { gpus: 4, memoryBytes: 80 * gibibyte })
  const script = join(folder, 'script.sh')
  writeFileSync(script, slurm)
  fakeProgram(bin, 'srun', 'shift 2; exec "$@"')
  fakeProgram(
    bin,
    'scontrol',
    `if [ "$1" = show ]; then printf 'node-a\\nnode-b\\n'; else echo "$@" >> "$REQUEUED"; fi`,
  )
  return { folder, out: join(folder, 'out'), run: () => runScript(script, bin, join(folder, 'requeued')) }
}

interface Run {
  code: number | null
  stderr: string
  requeued: string
}

function runScript(script: string, bin: string, requeued: string): Run {
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, SLURM_JOB_ID: '17', SLURM_JOB_NODELIST: 'node-[a-b]', REQUEUED: requeued } // prettier-ignore
  const { status, stderr } = spawnSync('bash', [script], {
    encoding: 'utf8',
    env,
    cwd: join(script, '..'),
    timeout: 600_000,
  })
  return { code: status, stderr, requeued: existsSync(requeued) ? readFileSync(requeued, 'utf8') : '' }
}

function fakeProgram(bin: string, name: string, text: string): void {
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`)
  chmodSync(join(bin, name), 0o755)
}

test('the script is one that bash reads, and its paths are words whatever stands in them', async () => {
  const { folder, out, run } = await scriptFor(fourSteps)
  const check = spawnSync('bash', ['-n', join(folder, 'script.sh')], { encoding: 'utf8' })
  assert.is(check.status, 0, check.stderr)
  const { code, stderr, requeued } = run()
  assert.is(code, 0, stderr)
  assert.is(requeued, '')
  assert.is(existsSync(join(folder, 'here')), false)
  const { args } = JSON.parse(readFileSync(join(out, 'started.json'), 'utf8')) as { args: string[] }
  assert.equal(args.slice(2), [
    ...['--nnodes', '2', '--rdzv-backend', 'c10d', '--rdzv-endpoint', 'node-a:29400', '--rdzv-id', '17-0'],
    ...['--nproc-per-node', '4', '-m', 'retrace_train', '--job', join(out, 'job.json')],
  ])
})

test('memory of a GPU is taken in segments that grow, unless a person chose otherwise', async () => {
  const lineOf = async (): Promise<string | undefined> => {
    const { folder } = await scriptFor(fourSteps)
    return /^export PYTORCH_ALLOC_CONF=(.*)$/m.exec(readFileSync(join(folder, 'script.sh'), 'utf8'))?.[1]
  }
  assert.is(await lineOf(), 'expandable_segments:True')
  process.env['PYTORCH_CUDA_ALLOC_CONF'] = 'max_split_size_mb:512'
  try {
    assert.is(await lineOf(), 'max_split_size_mb:512')
  } finally {
    delete process.env['PYTORCH_CUDA_ALLOC_CONF']
  }
})

test('it asks for as much as the plan has, and for a signal before its time is up', async () => {
  const { folder } = await scriptFor(fourSteps)
  const lines = readFileSync(join(folder, 'script.sh'), 'utf8').split('\n')
  for (const line of ['--nodes=2', '--ntasks-per-node=1', '--gpus-per-node=4', '--signal=B:USR1@300', '--requeue']) {
    assert.ok(lines.includes(`#SBATCH ${line}`), line)
  }
})

/** Plays the cluster: a signal to the batch shell, which is the parent of whom it started. */
const signalTo = (name: string): Deed => ({ file: 'signal', text: name })
const stoppedBy = (name: string): Deed[] => [
  { line: startEvent },
  signalTo(name),
  { waitForStop: true },
  { line: endOf(2, 'stopped') },
  { exit: 0 },
]

/** The same as `fakeProgram` srun, but it sends the signal that the fake training asks for. */
const signallingSrun = (out: string): string =>
  `shift 2; batch=$PPID; (until [ -s '${out.replaceAll("'", `'\\''`)}/signal' ]; do sleep 0.05; done; kill -"$(cat '${out.replaceAll("'", `'\\''`)}/signal')" "$batch") & exec "$@"`

test('when its time is nearly up it saves and is put in the queue again', async () => {
  const { folder, out, run } = await scriptFor(stoppedBy('USR1'))
  fakeProgram(join(folder, 'bin'), 'srun', signallingSrun(out))
  const { code, stderr, requeued } = run()
  assert.is(code, 0, stderr)
  assert.is(requeued, 'requeue 17\n')
})

test('when it is cancelled it saves and stays out of the queue', async () => {
  const { folder, out, run } = await scriptFor(stoppedBy('TERM'))
  fakeProgram(join(folder, 'bin'), 'srun', signallingSrun(out))
  const { code, stderr, requeued } = run()
  assert.is(code, 0, stderr)
  assert.is(requeued, '')
})

test('a failure is its exit code and its words, and nothing is tried again', async () => {
  const { run } = await scriptFor([{ file: 'failure.json', text: '{"code":"NON_FINITE"}' }, { exit: 1 }])
  const { code, stderr, requeued } = run()
  assert.equal([code, requeued], [1, ''])
  assert.match(stderr, /NON_FINITE/)
})

test('another training in its folder is left alone', async () => {
  const { out, run } = await scriptFor(fourSteps)
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'config.json'), '{}\n')
  const { code, stderr } = run()
  assert.is(code, 2)
  assert.match(stderr, /RUN_MISMATCH/)
  assert.is(readFileSync(join(out, 'config.json'), 'utf8'), '{}\n')
  assert.is(existsSync(join(out, 'job.json')), false)
})

test.run()
