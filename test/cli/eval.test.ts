import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { evaluationReportSchema, type EvaluationReport } from '../../src/records/index.js'
import { runCli, tinyModel, type CliResult } from './run-cli.js'

const test = suite('eval')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-eval-'))
const calls = join(scratch, 'calls')
const brokenBy = join(scratch, 'broken-by')
const python = join(scratch, 'python.cjs')
const data = join(scratch, 'run')

// In the place of Python: says that it has what is needed, notes what it is asked to measure and makes figures up.
writeFileSync(
  python,
  `#!/usr/bin/env node
const fs = require('node:fs')
const at = (name) => process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined
const machine = { cuda: [], cpuCount: 2, memoryBytes: 1e9, availableBytes: 1e9, varlenAttention: false }
const versions = { python: '3.12.0', torch: '2.13.0', transformers: '5.23.0', pyarrow: '25.0.0', rapidfuzz: '3.0.0', trl: null }
if (at('-m') === 'retrace_train.probe') console.log(JSON.stringify({ ...versions, ...machine }))
else if (process.argv[2] === '-c') console.log(process.argv.slice(4).join(' '))
else if (at('-m') !== 'retrace_eval') process.exitCode = 9
else {
  const broken = fs.existsSync('${brokenBy}') ? fs.readFileSync('${brokenBy}', 'utf8') : 'none'
  const text = at('--tasks') === undefined ? '' : fs.readFileSync(at('--tasks'), 'utf8')
  const tasks = text.trimEnd().split('\\n').filter((line) => line !== '').map((line) => JSON.parse(line))
  const kind = tasks[0]?.kind ?? 'held-out'
  const shards = process.argv.flatMap((word, i) => word === '--held-out' ? [process.argv[i + 1].split('=')] : [])
  fs.appendFileSync('${calls}', at('--model') + ' ' + kind + ' ' + tasks.length + ' ' + shards.map(([name]) => name) + '\\n')
  if (kind === broken) { console.error('OUT_OF_MEMORY: it does not fit. Use a larger one.'); process.exit(1) }
  const likelihood = { tokens: 10, bytes: 40, nll: 20, nllPerToken: 2, bitsPerByte: 0.7213 }
  const heldOut = Object.fromEntries(shards.map(([name, folder]) => {
    const domains = JSON.parse(fs.readFileSync(folder + '/manifest.json', 'utf8')).domains
    return [name, { all: likelihood, domains: Object.fromEntries(Object.keys(domains).map((one) => [one, likelihood])), positions: [], tooLong: { documents: 0, tokens: 0 } }]
  }))
  const scores = { tasks: tasks.length, tooLong: 0, exactMatch: 0.25, editSimilarity: 0.5 }
  const results = kind === 'choice' ? { needle: { tasks: tasks.length, tooLong: 0, accuracy: 0.75, chance: 0.25, cells: [] } }
    : kind === 'completion' ? { completion: { ...scores, repositories: {} } } : { heldOut }
  fs.writeFileSync(at('--out'), JSON.stringify(results))
}
`,
)
chmodSync(python, 0o755)

async function evaluate(args: readonly string[]): Promise<CliResult & { calls: string[] }> {
  rmSync(calls, { force: true })
  const result = await runCli(['eval', ...args, '--python', python])
  return { ...result, calls: existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [] }
}

const readReport = (path: string): EvaluationReport =>
  evaluationReportSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
const kindsOf = (lines: readonly string[]): string[] => lines.map((line) => line.split(' ')[1] as string)

function copyModel(name: string, change = false): string {
  const folder = join(scratch, name)
  cpSync(tinyModel, folder, { recursive: true })
  // A tensor's last byte: another model to whoever looks at its weights.
  const weights = readFileSync(join(folder, 'model.safetensors'))
  if (change) weights[weights.length - 1] = (weights.at(-1) as number) ^ 1
  writeFileSync(join(folder, 'model.safetensors'), weights)
  return folder
}

test.before(async () => {
  const config = join(scratch, 'no-search.json')
  writeFileSync(config, '{"search": false}')
  // Real code, enough of it to hide needles in.
  const repository = join(process.env['RETRACE_ROOT'] ?? process.cwd(), 'src', 'tokenizer')
  const made = await runCli(['run', repository, '--out', data, '--model', tinyModel, '--config', config])
  assert.is(made.code, 0, made.stderr)
})

test('the offline suites are measured, kept with when they ran, and shown', async () => {
  const out = join(scratch, 'first.json')
  const { code, stdout, stderr, calls } = await evaluate([tinyModel, '--data', data, '--out', out, '--limit', '2'])
  assert.is(code, 0, stderr)
  assert.equal(kindsOf(calls), ['held-out', 'choice', 'completion'])
  // Its own shards and the code packed for this model; two tasks a cell, of five depths and at least one length.
  assert.match(calls[0] ?? '', / code,trajectories$/)
  assert.ok(Number(calls[1]?.split(' ')[2]) >= 10, calls[1])
  assert.match(calls[2] ?? '', /completion [12]( |$)/)
  assert.match(stdout, /^ +tiny-llama$/m)
  assert.match(stdout, /^code: bits per byte +0\.7213$/m)
  assert.match(stdout, /^needles: found, % +75\.0$/m)
  assert.match(stdout, /^completion: edit similarity, % +50\.0$/m)
  const report = readReport(out)
  assert.is(report.models.length, 1)
  assert.equal(Object.keys(report.models[0]?.suites ?? {}).sort(), ['completion', 'held-out', 'needle'])
  for (const outcome of Object.values(report.models[0]?.suites ?? {})) {
    assert.ok('results' in outcome && !Number.isNaN(Date.parse(outcome.ranAt)))
  }
})

test('an evaluation that broke off goes on with what is missing', async () => {
  const out = join(scratch, 'resumed.json')
  const args = [tinyModel, '--data', data, '--out', out]
  writeFileSync(brokenBy, 'choice')
  const first = await evaluate(args)
  rmSync(brokenBy)
  assert.is(first.code, 1)
  assert.match(first.stderr, /^retrace: it does not fit\. Use a larger one\.$/m)
  assert.equal(Object.keys(readReport(out).models[0]?.suites ?? {}), ['held-out'])
  const second = await evaluate(args)
  assert.is(second.code, 0, second.stderr)
  assert.equal(kindsOf(second.calls), ['choice', 'completion'])
  const third = await evaluate(args)
  assert.equal(third.calls, [])
  assert.match(third.stderr, /held-out: measured before/)
  assert.match(third.stdout, /needles: found/)
})

test('several models are columns, by names that tell them apart, each measured once', async () => {
  const out = join(scratch, 'several.json')
  const other = copyModel('tuned', true)
  const twin = copyModel('other/tuned', false)
  const { code, stdout, calls } = await evaluate([
    other,
    twin,
    tinyModel,
    '--data',
    data,
    '--out',
    out,
    '--suites',
    'needle',
  ])
  assert.is(code, 0)
  // The twin has the bytes of the last one, which is therefore no model more.
  assert.equal(
    calls.map((line) => line.split(' ')[0]),
    [other, twin],
  )
  assert.equal(
    readReport(out).models.map(({ name }) => name),
    ['tuned', twin],
  )
  assert.match(stdout, /needles: found, % +75\.0 +75\.0/)
})

test('other weights in a folder are another model, and nothing of the earlier one is taken for it', async () => {
  const out = join(scratch, 'replaced.json')
  const model = copyModel('changing')
  const args = [model, '--data', data, '--out', out, '--suites', 'needle']
  assert.is((await evaluate(args)).calls.length, 1)
  const before = readReport(out).models[0]?.digest
  rmSync(model, { recursive: true })
  copyModel('changing', true)
  assert.is((await evaluate(args)).calls.length, 1)
  const { models } = readReport(out)
  assert.is(models.length, 1)
  assert.is.not(models[0]?.digest, before)
})

test('a report of another limit or other data, and a file that is no report, are not added to', async () => {
  const out = join(scratch, 'held.json')
  await evaluate([tinyModel, '--data', data, '--out', out, '--suites', 'needle', '--limit', '1'])
  const bytes = readFileSync(out, 'utf8')
  const other = await evaluate([tinyModel, '--data', data, '--out', out, '--suites', 'needle', '--limit', '2'])
  assert.is(other.code, 2)
  assert.match(other.stderr, /another --limit\. Give another --out/)
  assert.is(readFileSync(out, 'utf8'), bytes)
  assert.equal(other.calls, [])
  appendFileSync(out, 'x')
  const odd = await evaluate([tinyModel, '--data', data, '--out', out, '--suites', 'needle', '--limit', '1'])
  assert.is(odd.code, 2)
  assert.match(odd.stderr, /holds something else than a report/)
  assert.is(readFileSync(out, 'utf8'), `${bytes}x`)
})

test('the folder of a training stands for the model in it, and a model is told that it has seen the data', async () => {
  const out = join(scratch, 'training')
  mkdirSync(out)
  writeFileSync(join(out, 'job.json'), JSON.stringify({ shards: [join(data, 'shards')] }))
  writeFileSync(join(out, 'config.json'), JSON.stringify({ schemaVersion: 1 }))
  const early = await evaluate([out, '--data', data, '--suites', 'needle'])
  assert.is(early.code, 2)
  assert.match(early.stderr, /has not come to its end/)
  cpSync(tinyModel, join(out, 'model'), { recursive: true })
  const { code, stdout, stderr, calls } = await evaluate([out, '--data', data, '--suites', 'needle'])
  assert.is(code, 0, stderr)
  assert.match(calls[0] ?? '', /training\/model choice/)
  assert.match(stdout, /^ +training$/m)
  assert.match(stderr, /was trained on this very run: nothing measured on it is held out/)
  assert.match(stdout, /Nothing was kept: --out FILE would/)
})

test('--print shows the commands, starts nothing and writes nothing', async () => {
  const out = join(scratch, 'printed.json')
  const args = [tinyModel, '--data', data, '--out', out, '--suites', 'all', '--print']
  const { code, stdout, calls } = await evaluate(args)
  assert.is(code, 0)
  assert.equal(calls, [])
  assert.not(existsSync(out))
  assert.match(stdout, /^# tiny-llama, held-out$/m)
  assert.match(stdout, /PYTHONPATH=\S+python.* -m retrace_eval --model \S+tiny-llama .*--held-out code=WORK\/code/)
  assert.match(stdout, /-m retrace_eval .*--tasks WORK\/needle\.jsonl/)
  assert.match(stdout, /-m lm_eval --model hf .*--tasks gsm8k .*--output_path WORK\/gsm8k/)
  assert.match(stdout, /^# tiny-llama, aptbench$/m)
})

test('suites that cannot run are skipped aloud with their commands, and a report of nothing but these is a failure', async () => {
  const out = join(scratch, 'skipped.json')
  const { code, stdout, stderr } = await evaluate([tinyModel, '--out', out, '--suites', 'gsm8k,helmet'])
  assert.is(code, 1)
  assert.match(stderr, /tiny-llama, gsm8k: skipped, .*has no lm_eval/)
  assert.match(stdout, /^ {2}tiny-llama, helmet: it needs its own repository/m)
  assert.match(stdout, /^ {6}PYTHONSAFEPATH=1 \S+python\.cjs -m lm_eval .*--tasks gsm8k/m)
  assert.match(stdout, /^GSM8K +– +61\.94 +61\.94 +60\.96 +–$/m)
  const suites = readReport(out).models[0]?.suites ?? {}
  assert.ok(Object.values(suites).every((outcome) => 'skipped' in outcome && outcome.commands.length > 0))

  await evaluate([tinyModel, '--data', data, '--out', out, '--suites', 'needle'])
  const again = await evaluate([tinyModel, '--out', out, '--suites', 'gsm8k'])
  assert.is(again.code, 1, 'what was measured before is no success of this call')
  assert.match(again.stdout, /needles: found/)
})

test('what cannot be measured is refused with the next step', async () => {
  const refused = async (args: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr, calls } = await evaluate(args)
    assert.is(code, 2, stderr)
    assert.match(stderr, message)
    assert.equal(calls, [])
  }
  await refused([tinyModel], /held-out, needle, completion are made of a run's repositories: give --data RUN/)
  await refused(
    [tinyModel, '--data', data, '--suites', 'ruller'],
    /--suites knows no "ruller"\. It knows: offline, .*ruler/,
  )
  await refused([tinyModel, '--data', tinyModel], /not the folder of a run/)
  await refused([scratch, '--data', data], /has no config\.json, nor has its folder model/)
  await refused([join(scratch, 'none'), '--data', data], /none does not exist/)
  await refused([data, '--data', data], /tokenizer\.json does not exist/)
  await refused([tinyModel, '--data', data, '--limit', '0'], /whole number, 1 or more/)
  await refused([tinyModel, '--data', data, '--device', 'tpu'], /Allowed choices are auto, cpu, cuda/)
})

test.run()
