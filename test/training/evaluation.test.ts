import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { silentProgress } from '../../src/core/index.js'
import type { EvaluationReport, SuiteResults } from '../../src/records/index.js'
import { shellLine } from '../../src/training/evaluation/command.js'
import { compareTable } from '../../src/training/evaluation/compare-table.js'
import { evaluateOffline } from '../../src/training/evaluation/evaluate-offline.js'
import { rulerLength, rulerTasks } from '../../src/training/evaluation/lm-eval-suites.js'
import type { OutsideRequest } from '../../src/training/evaluation/outside-suite.js'
import {
  outsideCommands,
  outsideSuiteNames,
  outsideSuites,
  runOutsideSuite,
} from '../../src/training/evaluation/outside-suites.js'
import { paperColumns, paperFigures } from '../../src/training/evaluation/paper-figures.js'
import { TrainingError } from '../../src/training/index.js'

const test = suite('evaluation')
const root = process.env['RETRACE_ROOT'] ?? process.cwd()
const fixtures = join(root, 'test', 'training', 'fixtures')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-evaluation-'))
const context = { progress: silentProgress }
let folders = 0

function newFolder(files: Record<string, string> = {}): string {
  const folder = join(scratch, `folder ${folders++}`)
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** A program that says what it is told to, in the place of Python. */
function program(script: string): string {
  const path = join(newFolder(), 'python.cjs')
  writeFileSync(path, `#!/usr/bin/env node\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}

/** Answers that every module is there, and otherwise does what `rest` says. */
const withModules = (rest: string): string => program(`if (process.argv[2] === '-c') process.exit(0)\n${rest}`)

function requestOf(more: Partial<OutsideRequest> = {}): OutsideRequest {
  const out = newFolder()
  return {
    modelDir: '/models/mine',
    modelLink: join(out, 'links', 'mine-0123456789ab'),
    contextLength: 65_536,
    out,
    device: 'auto',
    python: 'python3',
    limit: null,
    folders: {},
    allowGeneratedCode: false,
    ...more,
  }
}

/** A folder with a results file as lm-evaluation-harness leaves it. */
function harnessOut(file: string, change: (text: string) => string = (text) => text): string {
  const name = '__models__mine/results_2026-01-02T03-04-05.678901.json'
  return newFolder({ [name]: change(readFileSync(join(fixtures, file), 'utf8')) })
}

// The files are of lm-evaluation-harness 0.4.13 itself, over a few examples of a local file under the tasks' names.
test('results of the harness are read as percent', () => {
  const out = harnessOut('lm-eval-groups.json')
  const near = (figures: Record<string, number>, expected: Record<string, number>): void => {
    assert.equal(Object.keys(figures), Object.keys(expected))
    for (const [key, value] of Object.entries(expected)) assert.ok(Math.abs((figures[key] ?? 0) - value) < 1e-9, key)
  }
  // One of three examples was right by one rule and two by the other; of BBH two of three and three of three.
  near(outsideSuites.gsm8k.read(requestOf({ out })), { gsm8k: 100 / 3, 'gsm8k, last number': 200 / 3 })
  near(outsideSuites.math.read(requestOf({ out })), { math: 100 / 3, 'math, verified': 200 / 3 })
  near(outsideSuites.bbh.read(requestOf({ out })), { bbh: 500 / 6 })
  near(outsideSuites.humaneval.read(requestOf({ out })), { humaneval: 50 })
})

test('RULER is the mean of its thirteen tasks at the length that was asked for, and nothing less', () => {
  // The real file has four tasks, at 2,048 tokens, and says -1 for 4,096 tokens, of which there was no example.
  const request = requestOf({ out: harnessOut('lm-eval-ruler.json'), contextLength: 2048 })
  assert.throws(() => outsideSuites.ruler.read(request), /niah_single_2: it is not among the results/)
  const withAll = (at: (index: number) => number) => (text: string) => {
    const file = JSON.parse(text) as { results: Record<string, Record<string, unknown>> }
    const like = file.results['ruler_vt']
    rulerTasks.forEach((task, index) => (file.results[task] = { ...like, '2048,none': at(index) }))
    return JSON.stringify(file)
  }
  const whole = harnessOut(
    'lm-eval-ruler.json',
    withAll((index) => index / 12),
  )
  assert.equal(outsideSuites.ruler.read({ ...request, out: whole }), { 'ruler-2k': 50 })
  assert.throws(() => outsideSuites.ruler.read({ ...request, out: whole, contextLength: 4096 }), /4096,none/)
  assert.equal([4096, 8191, 8192, 65_536, 131_072].map(rulerLength), [4096, 4096, 8192, 65_536, 65_536])
  assert.is(new Set(rulerTasks).size, 13)
})

test('a results file of another form is told by its code', () => {
  for (const text of ['{', '{"results": 3}', '{"results": {"gsm8k": {"acc,none": 0.5}}}']) {
    const out = newFolder({ 'm/results_1.json': text })
    const isInvalid = (error: unknown): boolean => error instanceof TrainingError && error.code === 'RESULTS_INVALID'
    assert.throws(() => outsideSuites.gsm8k.read(requestOf({ out })), isInvalid)
  }
  assert.throws(() => outsideSuites.gsm8k.read(requestOf()), /left no results/)
})

test('the commands name model, length, device, limit and results', () => {
  const request = requestOf({ device: 'cpu', limit: 7, out: '/results', contextLength: 8192 })
  const model = `'{"pretrained":"/models/mine","max_length":8192}'`
  const start = `PYTHONSAFEPATH=1 python3 -m lm_eval --model hf --model_args ${model} --tasks`
  const end = '--device cpu --limit 7 --output_path /results'
  assert.equal(outsideCommands('gsm8k', request), [`${start} gsm8k ${end}`])
  assert.equal(outsideCommands('math', request), [`${start} minerva_math ${end}`])
  assert.equal(outsideCommands('ruler', request), [`${start} ruler --metadata '{"max_seq_lengths":[8192]}' ${end}`])
  assert.equal(outsideCommands('humaneval', request), [
    `${start.replace(' ', ' HF_ALLOW_CODE_EVAL=1 ')} humaneval --confirm_run_unsafe_code ${end}`,
  ])
  assert.is(
    shellLine({ argv: ['a', "it's", ''], cwd: '/x y', path: '/p' }),
    `(cd '/x y' && PATH=/p:"$PATH" a 'it'\\''s' '')`,
  )
})

test("a model's path is one argument of the harness, whatever stands in it", () => {
  const modelDir = '/models/mine,trust_remote_code=True'
  for (const name of ['ruler', 'humaneval', 'bbh', 'math', 'gsm8k'] as const) {
    const [command] = outsideSuites[name].commands(requestOf({ modelDir }))
    const args = command?.argv[(command?.argv.indexOf('--model_args') ?? 0) + 1] ?? ''
    assert.equal(JSON.parse(args), { pretrained: modelDir, max_length: 65_536 }, name)
  }
})

test('Python is kept from importing what lies in the folder that a person is in', async () => {
  const python =
    program(`if (process.env.PYTHONSAFEPATH !== '1') { console.error('UNEXPECTED: unsafe'); process.exit(1) }
    if (process.argv[2] === '-c') process.exit(0)
    const at = process.argv.indexOf('--out')
    if (at > 0) require('node:fs').writeFileSync(process.argv[at + 1], '{}')`)
  assert.equal(await evaluateOffline({ ...offline, python }, context), {})
  const outcome = await runOutsideSuite('gsm8k', requestOf({ python }), context)
  assert.match('skipped' in outcome ? outcome.skipped : '', /left no results/)
})

test('APTBench, which keeps answers by the name of a folder, is given a name of its own for each model', () => {
  const [link, run] = outsideCommands(
    'aptbench',
    requestOf({ folders: { aptbench: '/apt' }, python: '/venv/bin/python' }),
  )
  assert.match(link ?? '', /^ln -sfn \/models\/mine .*mine-0123456789ab'?$/)
  assert.match(
    run ?? '',
    /^\(cd \/apt\/code && PATH=\/venv\/bin:"\$PATH" bash test_tasks_hf\.sh .*mine-0123456789ab'?\)$/,
  )
})

test('results of suites with a repository of their own are read where these leave them', () => {
  // The forms are those of their sources; the programs themselves could not be run here.
  const scores: Record<string, string> = {}
  const write = (dataset: string, metrics: object, length = 32_768): void => {
    scores[`${dataset}_eval_x_in${length}_size100.json.score`] = JSON.stringify(metrics)
  }
  for (const one of ['kilt_nq', 'kilt_hotpotqa', 'kilt_popqa_3', 'kilt_triviaqa', 'json_kv']) {
    write(one, { substring_exact_match: 40 })
    write(one, { substring_exact_match: 99 }, 16_384)
  }
  for (const one of ['mk_2', 'mk_3', 'mv']) write(`ruler_niah_${one}`, { ruler_recall: 80 })
  write('msmarco_rerank_psg', { 'NDCG@10': 12.5 })
  write('alce_asqa', { str_em: 30, citation_rec: 10, citation_prec: 20 })
  write('alce_qampari', { qampari_rec_top5: 0, citation_rec: 0, citation_prec: 0 })
  for (const one of ['trec_coarse', 'trec_fine', 'banking77', 'clinic150', 'nlu'])
    write(`icl_${one}`, { exact_match: 60 })
  assert.equal(outsideSuites.helmet.read(requestOf({ out: newFolder(scores) })), {
    'helmet-32k, recall': 70,
    'helmet-32k, rag': 40,
    'helmet-32k, rerank': 12.5,
    'helmet-32k, cite': 10,
    'helmet-32k, icl': 60,
  })
  assert.throws(() => outsideSuites.helmet.read(requestOf()), /no scores of json_kv at 32k/)

  const code = (accuracy: number): string =>
    JSON.stringify({ predictions: [], metrics: { accuracy, correct: 1, total: 4 } })
  const out = newFolder({ 'codeqa-32k.json': code(0.25), 'codeqa-64k.json': code(0.5) })
  assert.equal(outsideSuites.longcodebench.read(requestOf({ out })), {
    'longcodebench-32k': 25,
    'longcodebench-64k': 50,
  })

  const tasks = [
    ...['plan', 'action', 'error'].map((task) => `env_setup/${task}`),
    ...['plan_en', 'plan_zh', 'summ_ans_en', 'summ_ans_zh', 'openend_plan_en'].map((task) => `deepresearch/${task}`),
    ...['citation_en', 'citation_zh', 'quality_en', 'quality_zh'].map((task) => `deepresearch/openend_${task}`),
    ...['locate', 'fix_patch', 'plan', 'action', 'test_patch'].map((task) => `issue_fix/${task}`),
  ]
  const line = (at: number): string => `other.jsonl: 99.00%\nmine-0123456789ab.jsonl: ${at}.00%\t70.00%\n`
  const files = tasks.map((task, at) => [`code/results/${task}/total_result.txt`, line(at)])
  const aptbench = newFolder(Object.fromEntries(files) as Record<string, string>)
  assert.equal(outsideSuites.aptbench.read(requestOf({ folders: { aptbench } })), { aptbench: 8 })
  const another = requestOf({ folders: { aptbench }, modelLink: '/x/third' })
  assert.throws(() => outsideSuites.aptbench.read(another), /no line for third/)
})

test('a suite that lacks something is skipped, with what it lacks and where that comes from', async () => {
  const lacks = async (name: (typeof outsideSuiteNames)[number], request: OutsideRequest): Promise<string> => {
    const outcome = await runOutsideSuite(name, request, context)
    return 'skipped' in outcome ? outcome.skipped : 'it ran'
  }
  const bare = program("console.log('lm_eval')")
  assert.match(
    await lacks('gsm8k', requestOf({ python: bare })),
    /has no lm_eval; .* -m pip install 'lm_eval' would bring it/,
  )
  const full = withModules('process.exit(3)')
  assert.match(
    await lacks('humaneval', requestOf({ python: full })),
    /runs code that the model wrote.*--allow-generated-code/,
  )
  assert.match(
    await lacks('ruler', requestOf({ python: full, contextLength: 2048 })),
    /asks for 4096 tokens.* claims 2048/,
  )
  assert.match(await lacks('helmet', requestOf({ python: full })), /princeton-nlp\/HELMET; give its folder by --helmet/)
  const helmet = newFolder({ 'eval.py': '' })
  assert.match(await lacks('helmet', requestOf({ python: full, folders: { helmet } })), /has no data/)
  assert.match(await lacks('aptbench', requestOf()), /APTBench; give its folder by --aptbench/)
  assert.match(await lacks('gsm8k', requestOf({ python: join(scratch, 'none') })), /does not answer/)
})

test('a suite whose program fails is skipped with its last word; one that ends gives its figures', async () => {
  const failing = withModules(
    "console.error('Traceback:\\n  File x\\nConnectionError: Could not reach the Hub'); process.exitCode = 1",
  )
  const failed = await runOutsideSuite('gsm8k', requestOf({ python: failing }), context)
  assert.match(
    'skipped' in failed ? failed.skipped : '',
    /GSM8K.* ended with 1: ConnectionError: Could not reach the Hub/,
  )
  assert.match('skipped' in failed ? failed.skipped : '', /fetches the problems/)

  const request = requestOf()
  const results = readFileSync(join(fixtures, 'lm-eval-groups.json'), 'utf8')
  const script = `const fs = require('node:fs'); const out = process.argv[process.argv.indexOf('--output_path') + 1]
    if (process.env.HF_ALLOW_CODE_EVAL !== '1') process.exit(4)
    fs.mkdirSync(out + '/m'); fs.writeFileSync(out + '/m/results_1.json', ${JSON.stringify(results)})`
  const python = withModules(script)
  const ran = await runOutsideSuite('humaneval', { ...request, python, allowGeneratedCode: true }, context)
  assert.equal(ran, { figures: { humaneval: 50 } })
  const silent = await runOutsideSuite('gsm8k', requestOf({ python: withModules('') }), context)
  assert.match('skipped' in silent ? silent.skipped : '', /left no results/)
})

test('a stop ends the program of a suite', async () => {
  const stop = new AbortController()
  const python = withModules("console.log('at work'); setInterval(() => {}, 1000)")
  const detail = (line: string): void => {
    if (line.includes('lm_eval')) setTimeout(() => stop.abort(new Error('stopped')), 100)
  }
  const progress = { ...silentProgress, detail }
  try {
    await runOutsideSuite('gsm8k', requestOf({ python }), { progress, signal: stop.signal })
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'stopped')
  }
})

const offline = { modelDir: '/models/mine', shards: { code: '/s' }, tasks: null, device: 'cpu' as const }

test('what the offline program says of its progress is shown, and what it wrote is read', async () => {
  const python =
    program(`const fs = require('node:fs'); const at = (name) => process.argv[process.argv.indexOf(name) + 1]
    if (at('-m') !== 'retrace_eval' || at('--held-out') !== 'code=/s' || at('--device') !== 'cpu') process.exit(5)
    if (!process.env.PYTHONPATH.split(':').some((one) => fs.existsSync(one + '/retrace_eval'))) process.exit(6)
    console.log('a line of a library'); console.log('{"suite": "odd"')
    for (const done of [0, 1, 3]) console.log(JSON.stringify({ suite: 'needle', done, total: 3 }))
    fs.writeFileSync(at('--out'), '{"needle": {"tasks": 3, "tooLong": 0, "accuracy": 1, "chance": 0.25, "cells": []}}')`)
  const seen: string[] = []
  const progress = {
    ...silentProgress,
    stage: (name: string, total: number) => {
      seen.push(`${name} ${total}`)
      return { advance: (count = 1) => void seen.push(`+${count}`), finish: () => void seen.push('end') }
    },
  }
  const results = await evaluateOffline({ ...offline, python }, { progress })
  assert.is(results.needle?.tasks, 3)
  assert.equal(seen, ['Needles 3', '+1', '+2', 'end'])
})

test('a failure of the offline program keeps its code and its words', async () => {
  const codeOf = async (script: string): Promise<string> => {
    try {
      await evaluateOffline({ ...offline, python: program(script) }, context)
      return 'none'
    } catch (error) {
      return error instanceof TrainingError ? `${error.code}: ${error.message}` : String(error)
    }
  }
  const says = (line: string): string =>
    `console.error('noise'); console.error(${JSON.stringify(line)}); process.exitCode = 1`
  assert.is(
    await codeOf(says('SHARD_CHANGED: a.parquet is another. Pack it again.')),
    'SHARD_CHANGED: a.parquet is another. Pack it again.',
  )
  assert.match(await codeOf(says('PYTHON_PACKAGE_MISSING: no torch')), /^PYTHON_INCOMPLETE: no torch/)
  assert.match(await codeOf(says('UNEXPECTED: KeyError')), /^EVALUATION_FAILED: .* ended with 1: UNEXPECTED: KeyError/)
  assert.match(await codeOf("process.kill(process.pid, 'SIGKILL')"), /^EVALUATION_FAILED: .* ended by a signal/)
  assert.match(await codeOf(''), /^EVALUATION_FAILED/)
  const otherForm =
    "require('node:fs').writeFileSync(process.argv[process.argv.indexOf('--out') + 1], '{\"needle\": 3}')"
  assert.match(await codeOf(otherForm), /^EVALUATION_FAILED: .*another form/)
  const missing = evaluateOffline({ ...offline, python: join(scratch, 'none') }, context)
  assert.is(await missing.catch((error: TrainingError) => error.code), 'PYTHON_MISSING')
})

test("the paper's figures are those of its table", () => {
  assert.equal(paperColumns, ['Raw-Repos', 'Repo2Agent', 'Repo2Agent-Search', 'ProLong'])
  const rows = readFileSync(join(root, 'test', 'training', 'fixtures', 'paper-table.md'), 'utf8')
    .trim()
    .split('\n')
    .slice(2)
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/ k$/, 'k')),
  )
  const ours = paperFigures.map(({ title, values }) => [title, ...values.map((value) => value?.toFixed(2) ?? '–')])
  assert.equal(ours, cells)
  const known = new Set<string>(paperFigures.map(({ key }) => key))
  for (const name of outsideSuiteNames) for (const key of outsideSuites[name].paper) assert.ok(known.has(key))
})

const needle = (
  length: number,
  tasks: number,
  accuracy: number | null,
): NonNullable<SuiteResults['needle']>['cells'][0] => ({
  ...{ length, depth: 0, tasks, tooLong: 0, accuracy, margin: accuracy },
})

function reportOf(...models: EvaluationReport['models'][0]['suites'][]): EvaluationReport {
  return {
    schemaVersion: 1,
    retraceVersion: '0',
    data: null,
    limit: null,
    models: models.map((suites, at) => ({
      ...{ name: ['base', 'tuned'][at] as string, folder: '/m', digest: String(at).repeat(64), contextLength: 1024 },
      suites,
    })),
  }
}

const ran = (results: SuiteResults, tasks?: string): EvaluationReport['models'][0]['suites'][0] => ({
  ...{ ranAt: '2026-01-01T00:00:00.000Z', seconds: 1, results },
  ...(tasks === undefined ? {} : { tasks }),
})

test('a table has a column for each model, the means weighted by their tasks, and a dash where nothing is known', () => {
  const cells = [needle(512, 3, 1), needle(512, 1, 0), needle(1024, 0, null)]
  const text = compareTable(
    reportOf(
      { needle: ran({ needle: { tasks: 4, tooLong: 2, accuracy: 0.25, chance: 0.25, cells } }, 'a'.repeat(64)) },
      {
        completion: ran({ completion: { tasks: 1, tooLong: 0, exactMatch: 1, editSimilarity: 0.5, repositories: {} } }),
      },
    ),
  )
  assert.is(
    text,
    [
      '                                base  tuned',
      'needles: found, %               25.0      –',
      '  by chance, %                  25.0      –',
      '  found in 512 tokens, %        75.0      –',
      '  found in 1024 tokens, %          –      –',
      'completion: exact, %               –  100.0',
      'completion: edit similarity, %     –   50.0',
      '',
    ].join('\n'),
  )
})

test("figures of others' suites stand beside the paper's, and what was skipped below with its command", () => {
  const report = reportOf(
    { gsm8k: ran({ figures: { gsm8k: 12.5, 'gsm8k, last number': 20 } }) },
    { gsm8k: { skipped: 'no network', commands: ['lm_eval one', 'lm_eval two'] } },
  )
  const text = compareTable({ ...report, limit: 8 })
  assert.match(
    text,
    /^in percent +base +tuned +paper: Raw-Repos +paper: Repo2Agent +paper: Repo2Agent-Search +paper: ProLong$/m,
  )
  assert.match(text, /^GSM8K +12\.50 +– +61\.94 +61\.94 +60\.96 +–$/m)
  assert.match(text, /^RULER 64k +– +– +61\.00 +– +61\.80 +57\.10$/m)
  assert.match(text, /^gsm8k, last number +20\.00 +– +– +– +– +–$/m)
  assert.match(text, /^ {2}tuned, gsm8k: no network\n {6}lm_eval one\n {6}lm_eval two$/m)
  assert.match(text, /8 examples were taken: no figure to hold against the paper's/)
})

test('models that had different tasks are said to have had them', () => {
  const result = ran({ needle: { tasks: 1, tooLong: 0, accuracy: 1, chance: 0.25, cells: [] } }, 'a'.repeat(64))
  const other = { ...result, tasks: 'b'.repeat(64) }
  assert.not.match(compareTable(reportOf({ needle: result }, { needle: result })), /different tasks/)
  assert.match(compareTable(reportOf({ needle: result }, { needle: other })), /needle: the models had different tasks/)
})

test('models that read more or less at once are said to have had the code cut elsewhere', () => {
  const likelihood = { tokens: 1, bytes: 1, nll: 1, nllPerToken: 1, bitsPerByte: 1 }
  const code = { all: likelihood, domains: {}, positions: [], tooLong: { documents: 0, tokens: 0 } }
  const report = reportOf({ 'held-out': ran({ heldOut: { code } }) }, { 'held-out': ran({ heldOut: { code } }) })
  assert.not.match(compareTable(report), /cut for models/)
  const [base, tuned] = report.models as [EvaluationReport['models'][0], EvaluationReport['models'][0]]
  const text = compareTable({ ...report, models: [base, { ...tuned, contextLength: 512 }] })
  assert.match(text, /^code: cut for models of 512 and 1024 tokens/m)
})

test.run()
