import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { TrainingError } from '../errors.js'
import type { OutsideRequest, OutsideSuite } from './outside-suite.js'

/** The categories of HELMET that need no paid judge, and the scores of each. */
const helmetCategories: Record<string, readonly (readonly [dataset: string, metric: string])[]> = {
  recall: [
    ['json_kv', 'substring_exact_match'],
    ['ruler_niah_mk_2', 'ruler_recall'],
    ['ruler_niah_mk_3', 'ruler_recall'],
    ['ruler_niah_mv', 'ruler_recall'],
  ],
  rag: [
    ['kilt_nq', 'substring_exact_match'],
    ['kilt_hotpotqa', 'substring_exact_match'],
    ['kilt_popqa', 'substring_exact_match'],
    ['kilt_triviaqa', 'substring_exact_match'],
  ],
  rerank: [['msmarco_rerank_psg', 'NDCG@10']],
  cite: [
    ['alce_asqa', 'str_em'],
    ['alce_asqa', 'citation_rec'],
    ['alce_asqa', 'citation_prec'],
    ['alce_qampari', 'qampari_rec_top5'],
    ['alce_qampari', 'citation_rec'],
    ['alce_qampari', 'citation_prec'],
  ],
  icl: [
    ['icl_trec_coarse', 'exact_match'],
    ['icl_trec_fine', 'exact_match'],
    ['icl_banking77', 'exact_match'],
    ['icl_clinic150', 'exact_match'],
    ['icl_nlu', 'exact_match'],
  ],
}

const longCodeLengths = [32, 64] as const
const aptBenchTasks: Record<string, readonly string[]> = {
  env_setup: ['plan', 'action', 'error'],
  deepresearch: [
    ...['plan_en', 'plan_zh', 'summ_ans_en', 'summ_ans_zh', 'openend_plan_en', 'openend_citation_en'],
    ...['openend_citation_zh', 'openend_quality_en', 'openend_quality_zh'],
  ],
  issue_fix: ['locate', 'fix_patch', 'plan', 'action', 'test_patch'],
}

/**
 * Suites that run from a clone of their own repository. None was run here, for lack of their data and of a GPU: the
 * commands and the form of the results follow their sources.
 */
export const repositorySuites = {
  helmet: {
    title: 'HELMET 32k',
    // The paper's figure is the mean of seven categories; two are left out here, since GPT-4o judges them for money.
    paper: [],
    needs: [
      { kind: 'folder', folder: 'helmet', from: 'https://github.com/princeton-nlp/HELMET', holds: ['eval.py', 'data'] },
      { kind: 'modules', modules: ['simple_parsing', 'rouge_score'], install: '-r requirements.txt of HELMET' },
      { kind: 'context', tokens: 32_768 },
    ],
    fetches: '34 GB of data, by scripts/download_data.sh of the repository',
    commands: ({ python, modelDir, out, folders }) =>
      Object.keys(helmetCategories).map((category) => ({
        argv: [
          ...([python, 'eval.py', '--config', `configs/${category}_short.yaml`] as [string, ...string[]]),
          ...['--model_name_or_path', modelDir, '--output_dir', out, '--use_chat_template', 'False'],
        ],
        cwd: folders.helmet ?? 'HELMET',
      })),
    read({ out }) {
      const names = readdirSync(out).sort()
      return Object.fromEntries(
        Object.entries(helmetCategories).map(([category, scores]) => {
          const values = scores.map(([dataset, metric]) => helmetScore(out, names, dataset, metric))
          return [`helmet-32k, ${category}`, mean(values)]
        }),
      )
    },
  },
  longcodebench: {
    title: 'LongCodeBench',
    paper: ['longcodebench-32k', 'longcodebench-64k'],
    needs: [
      {
        kind: 'folder',
        folder: 'longcodebench',
        from: 'https://github.com/Zteefano/long-code-bench',
        holds: ['eval.py', ...longCodeLengths.map((k) => `data/LongCodeQA/output_${k}K/final_dataset.json`)],
      },
      { kind: 'program', program: 'pixi', from: 'https://pixi.sh' },
      { kind: 'context', tokens: 65_536 },
    ],
    fetches: 'data from Steefano/LCB on the Hugging Face Hub, by hand',
    // Their config of a local model under vLLM, with the model's folder put in.
    commands: (request) =>
      longCodeLengths.map((k) => ({
        argv: [
          ...(['pixi', 'run', 'eval', `dataset=codeqa/${k}K`, 'model=qwen2.5-1M'] as [string, ...string[]]),
          ...[`model.hf_path=${request.modelDir}`, `output=${longCodeFile(request, k)}`],
        ],
        cwd: request.folders.longcodebench ?? 'long-code-bench',
      })),
    read: (request) =>
      Object.fromEntries(
        longCodeLengths.map((k) => {
          const { metrics } = readJson(longCodeFile(request, k), longCodeSchema)
          return [`longcodebench-${k}k`, metrics.accuracy * 100]
        }),
      ),
  },
  aptbench: {
    title: 'APTBench, mean over its tasks',
    paper: ['aptbench'],
    needs: [
      {
        kind: 'folder',
        folder: 'aptbench',
        from: 'https://github.com/TencentYoutuResearch/APTBench',
        holds: ['code/test_tasks_hf.sh', 'data'],
      },
      { kind: 'program', program: 'bash', from: 'your system' },
      { kind: 'modules', modules: ['vllm', 'rouge', 'evaluate'], install: '-r requirements.txt of APTBench' },
    ],
    fetches: 'what its code/download_data.py names',
    // It caches answers by the last part of the model's path, and the folder of every trained model is called `model`:
    // a link with a unique name keeps the answers of two models apart.
    commands: ({ modelDir, modelLink, folders, python }) => [
      { argv: ['ln', '-sfn', modelDir, modelLink] },
      {
        argv: ['bash', 'test_tasks_hf.sh', modelLink],
        cwd: join(folders.aptbench ?? 'APTBench', 'code'),
        path: dirname(python),
      },
    ],
    read({ folders, modelLink }) {
      const results = join(folders.aptbench ?? '', 'code', 'results')
      const shares = Object.entries(aptBenchTasks).flatMap(([dataset, tasks]) =>
        tasks.map((task) => aptBenchScore(join(results, dataset, task, 'total_result.txt'), basename(modelLink))),
      )
      return { aptbench: mean(shares) }
    },
  },
} satisfies Record<string, OutsideSuite>

function helmetScore(out: string, names: readonly string[], dataset: string, metric: string): number {
  const name = names.find(
    (file) => file.startsWith(dataset) && file.includes('_in32768_') && file.endsWith('.json.score'),
  )
  if (name === undefined) throw invalid(out, `there are no scores of ${dataset} at 32k; HELMET tells why in its log`)
  const value = readJson(join(out, name), z.record(z.string(), z.unknown()))[metric]
  if (typeof value === 'number') return value
  throw invalid(join(out, name), `it has no ${metric}`)
}

const longCodeSchema = z.looseObject({ metrics: z.looseObject({ accuracy: z.number() }) })
const longCodeFile = ({ out }: OutsideRequest, k: number): string => join(out, `codeqa-${k}k.json`)

/** The files have a line for each model, `NAME.jsonl: 12.34%`, for some tasks with further shares after a tab. */
function aptBenchScore(path: string, model: string): number {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const start = `${model}.jsonl: `
  const line = text.split('\n').find((text) => text.startsWith(start))
  const share = Number.parseFloat(line?.slice(start.length) ?? '')
  if (Number.isFinite(share)) return share
  throw invalid(path, `it has no line for ${model}`)
}

function readJson<S extends z.ZodType>(path: string, schema: S): z.output<S> {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw invalid(path, cause instanceof z.ZodError ? 'it has another form than expected' : 'it cannot be read', cause)
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function invalid(path: string, why: string, cause?: unknown): TrainingError {
  return new TrainingError('RESULTS_INVALID', `${path}: ${why}. Is it another version of the suite?`, {}, { cause })
}
