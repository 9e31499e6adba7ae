import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { decidingConfig, retraceVersion, runConfigSchema, type RunConfig } from '../config.js'
import { CoreError, digestOf, RunStore, type Progress } from '../core/index.js'
import type { SpanReader } from '../records/index.js'
import { readModelInfo, type ModelInfo } from '../scoring/index.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/index.js'

/** What accompanies long work. */
export interface RunContext {
  progress: Progress
  signal?: AbortSignal | undefined
}

/** `config.json` of a run: what decides its bytes, and what it was started with. */
export const runRecordSchema = z.strictObject({
  retraceVersion: z.string(),
  inputs: z.array(z.string()),
  modelDir: z.string(),
  model: z.strictObject({
    name: z.string(),
    digest: z.string(),
    dtype: z.string(),
    vocabularySize: z.int(),
    contextLength: z.int(),
  }),
  config: runConfigSchema.omit({ workers: true }),
})
export type RunRecord = z.infer<typeof runRecordSchema>

export const rejectSchema = z.strictObject({
  id: z.string(),
  stage: z.string(),
  reason: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
})

/** Tokens of one repository: as it is, as a trajectory, and of that what is trained. */
export const countsSchema = z.strictObject({ rawTokens: z.int(), reconstructedTokens: z.int(), trainedTokens: z.int() })

/** All that the stages of one run share. */
export interface Run {
  store: RunStore
  record: RunRecord
  config: RunConfig
  tokenizer: Tokenizer
  context: RunContext
  read: SpanReader
}

export async function describeRun(inputs: readonly string[], modelDir: string, config: RunConfig): Promise<RunRecord> {
  for (const input of inputs) {
    if (!existsSync(input))
      throw new CoreError('INPUT_NOT_FOUND', `${input} does not exist. Check the path.`, { input })
  }
  const { name, digest, dtype, vocabularySize, contextLength }: ModelInfo = await readModelInfo(modelDir)
  return {
    retraceVersion: retraceVersion(),
    inputs: inputs.map((input) => resolve(input)),
    modelDir: resolve(modelDir),
    model: { name, digest, dtype, vocabularySize, contextLength },
    config: decidingConfig(config),
  }
}

export function checkSameRun(store: RunStore, record: RunRecord): void {
  if (!existsSync(store.path('config.json'))) return
  const before = store.read('.', 'config', runRecordSchema)
  const differs = (['retraceVersion', 'inputs', 'model', 'config'] as const).filter(
    (key) => digestOf(before[key]) !== digestOf(record[key]),
  )
  if (differs.length === 0) return
  throw new CoreError(
    'RUN_MISMATCH',
    `${store.folder} holds a run with another ${differs.join(', ')}. Give another --out folder, or the same arguments as before.`,
    { differs },
  )
}

export function openRun(folder: string): { store: RunStore; record: RunRecord } {
  const store = new RunStore(folder)
  if (!existsSync(store.path('config.json'))) {
    throw new CoreError(
      'INPUT_NOT_FOUND',
      `${folder} is not the folder of a run: it has no config.json. Check the path.`,
    )
  }
  return { store, record: store.read('.', 'config', runRecordSchema) }
}

export async function reopen(folder: string, context: RunContext): Promise<Run> {
  const { store, record } = openRun(folder)
  const config = runConfigSchema.parse(record.config)
  return runOf(store, record, config, await loadTokenizer(record.modelDir), context)
}

export function runOf(
  store: RunStore,
  record: RunRecord,
  config: RunConfig,
  tokenizer: Tokenizer,
  context: RunContext,
): Run {
  const read: SpanReader = ({ blob, start, end }) =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(store.blobs.get(blob).subarray(start, end))
  return { store, record, config, tokenizer, context, read }
}
