import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { TrainingError } from '../errors.js'
import { noLocalModules } from '../probe.js'
import type { Command } from './command.js'
import type { OutsideRequest, OutsideSuite } from './outside-suite.js'

/** The 13 tasks of RULER. Their mean is computed here: the harness's own is always of 4,096 tokens. */
export const rulerTasks = [
  ...['niah_single_1', 'niah_single_2', 'niah_single_3', 'niah_multikey_1', 'niah_multikey_2', 'niah_multikey_3'],
  ...['niah_multiquery', 'niah_multivalue', 'ruler_vt', 'ruler_cwe', 'ruler_fwe', 'ruler_qa_squad', 'ruler_qa_hotpot'],
]
const paperRulerLength = 65_536

/** The length at which RULER is run: the paper's, or the largest power of two within the model's context. */
export function rulerLength(contextLength: number): number {
  return Math.min(paperRulerLength, 2 ** Math.floor(Math.log2(contextLength)))
}

const harness = { kind: 'modules', modules: ['lm_eval'], install: 'lm_eval' } as const

/** Suites of lm-evaluation-harness; tried with 0.4.13. */
export const lmEvalSuites = {
  ruler: {
    title: 'RULER',
    paper: ['ruler-64k'],
    // The harness makes the haystacks, with these packages.
    needs: [
      { kind: 'modules', modules: ['lm_eval', 'wonderwords', 'nltk', 'scipy'], install: 'lm_eval[ruler]' },
      { kind: 'context', tokens: 4096 },
    ],
    fetches: 'essays, SQuAD and HotpotQA from the Hugging Face Hub',
    // One length in a call: `--limit` takes the first examples, which would all be of the first length.
    commands: (request) => [
      lmEval(request, 'ruler', [
        '--metadata',
        JSON.stringify({ max_seq_lengths: [rulerLength(request.contextLength)] }),
      ]),
    ],
    read(request) {
      const length = rulerLength(request.contextLength)
      const results = readResults(request.out)
      const scores = rulerTasks.map((task) => metricOf(results, task, `${length},none`))
      return { [`ruler-${length / 1024}k`]: scores.reduce((sum, score) => sum + score, 0) / scores.length }
    },
  },
  humaneval: {
    title: 'HumanEval',
    paper: ['humaneval'],
    needs: [harness, { kind: 'generated-code' }],
    fetches: 'the problems and the metric from the Hugging Face Hub',
    commands(request) {
      const { argv, env } = lmEval(request, 'humaneval', ['--confirm_run_unsafe_code'])
      return [{ argv, env: { ...env, HF_ALLOW_CODE_EVAL: '1' } }]
    },
    read: ({ out }) => ({ humaneval: metricOf(readResults(out), 'humaneval', 'pass@1,create_test') }),
  },
  bbh: {
    title: 'BBH, 3 shots with chain of thought',
    paper: ['bbh'],
    needs: [harness],
    fetches: 'the tasks from the Hugging Face Hub',
    commands: (request) => [lmEval(request, 'bbh')],
    read: ({ out }) => ({ bbh: metricOf(readResults(out), 'bbh', 'exact_match,get-answer') }),
  },
  math: {
    title: 'MATH, 4 shots (minerva_math)',
    paper: ['math'],
    needs: [{ kind: 'modules', modules: ['lm_eval', 'math_verify', 'sympy'], install: 'lm_eval[math]' }],
    fetches: 'the problems from the Hugging Face Hub',
    commands: (request) => [lmEval(request, 'minerva_math')],
    read({ out }) {
      const results = readResults(out)
      const [exact, verified] = ['exact_match,none', 'math_verify,none'].map((name) =>
        metricOf(results, 'minerva_math', name),
      ) as [number, number]
      return { math: exact, 'math, verified': verified }
    },
  },
  gsm8k: {
    title: 'GSM8K, 5 shots',
    paper: ['gsm8k'],
    needs: [harness],
    fetches: 'the problems from the Hugging Face Hub',
    commands: (request) => [lmEval(request, 'gsm8k')],
    read({ out }) {
      const results = readResults(out)
      const [strict, flexible] = ['exact_match,strict-match', 'exact_match,flexible-extract'].map((name) =>
        metricOf(results, 'gsm8k', name),
      ) as [number, number]
      return { gsm8k: strict, 'gsm8k, last number': flexible }
    },
  },
} satisfies Record<string, OutsideSuite>

function lmEval(request: OutsideRequest, task: string, options: readonly string[] = []): Command {
  const { python, modelDir, contextLength, device, limit, out } = request
  return {
    env: noLocalModules,
    argv: [
      ...([python, '-m', 'lm_eval', '--model', 'hf'] as [string, ...string[]]),
      // As JSON: in the form `name=value,...` a comma in the path would begin another argument, such as `trust_remote_code=True`.
      ...['--model_args', JSON.stringify({ pretrained: modelDir, max_length: contextLength })],
      ...['--tasks', task, ...options],
      ...(device === 'auto' ? [] : ['--device', device]),
      ...(limit === null ? [] : ['--limit', String(limit)]),
      ...['--output_path', out],
    ],
  }
}

const resultsSchema = z.looseObject({ results: z.record(z.string(), z.record(z.string(), z.unknown())) })
type Results = z.infer<typeof resultsSchema>['results']

/** Reads the newest `MODEL/results_TIME.json` that the harness wrote below a folder. */
function readResults(out: string): Results {
  const names = readdirSync(out, { recursive: true, encoding: 'utf8' })
  const path = names
    .filter((name) => /(^|\/)results_[^/]*\.json$/.test(name))
    .sort()
    .at(-1)
  if (path === undefined) throw invalid(out, 'the harness left no results')
  try {
    return resultsSchema.parse(JSON.parse(readFileSync(join(out, path), 'utf8'))).results
  } catch (cause) {
    throw invalid(path, 'it is no results file of lm-evaluation-harness', cause)
  }
}

/** A share in percent. The harness writes -1 where no example has the length. */
function metricOf(results: Results, task: string, metric: string): number {
  const value = results[task]?.[metric]
  if (typeof value === 'number' && value >= 0) return value * 100
  const metrics = Object.keys(results[task] ?? {}).join(', ')
  throw invalid(task, metrics === '' ? 'it is not among the results' : `it has no ${metric}, but: ${metrics}`)
}

function invalid(what: string, why: string, cause?: unknown): TrainingError {
  return new TrainingError('RESULTS_INVALID', `${what}: ${why}. Is it another version of the harness?`, {}, { cause })
}
