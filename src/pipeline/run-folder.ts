import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { z } from 'zod'
import { decidingConfig, retraceVersion, runConfigSchema, type RunConfig } from '../config.js'
import {
  CoreError,
  digestOf,
  RetraceError,
  RunStore,
  spanReader,
  type Progress,
  type SpanReader,
} from '../core/index.js'
import { decidingOptions, describeGenerator, digestOfPrompts, type Budget } from '../generation/index.js'
import { refuseAddress, splitRevision } from '../grounding/index.js'
import { readModelInfo } from '../model/index.js'
import { generatorInfoSchema, shardManifestSchema } from '../records/index.js'
import { createRenderer, type Renderer } from '../rendering/index.js'
import { chooseBackend } from '../scoring/index.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/index.js'

/** What accompanies long work. */
export interface RunContext {
  progress: Progress
  signal?: AbortSignal | undefined
  /** What the run may pay for calls, over all its starts; without it, as much as it takes. */
  budget?: Budget
}

/** `config.json` of a run: what decides its bytes, and what it was started with. */
export const runRecordSchema = z.strictObject({
  retraceVersion: z.string(),
  inputs: z.array(z.string()),
  modelDir: z.string(),
  model: z.strictObject({
    name: z.string(),
    digest: z.string(),
    vocabularySize: z.int(),
    contextLength: z.int(),
  }),
  /** Who writes the words. */
  generator: generatorInfoSchema,
  /** Digest of all prompts: a run that goes on with others would be two runs in one. */
  prompts: z.string(),
  config: runConfigSchema.omit({ workers: true }),
  /** Why the scorer's backend was chosen, where the config left it open; the config here names the one that was. */
  backendReason: z.string().nullable().default(null),
})
export type RunRecord = z.infer<typeof runRecordSchema>

/** Which snapshot an input became. */
export const inputSchema = z.strictObject({ input: z.string(), snapshot: z.string() })

export const rejectSchema = z.strictObject({
  id: z.string(),
  stage: z.string(),
  reason: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
})

/** A repository that is not finished and can be: its budget was spent. `search`: its thoughts are kept as far as they came. */
export const unfinishedSchema = z.strictObject({ id: z.string(), stage: z.enum(['synthesis', 'search']) })

/** `calibration.json`: how a run was scored, and how far its scores move by themselves. */
export const calibrationSchema = z.strictObject({
  /** What decides the bits of a score beside the model. All of a run is scored by one. */
  scorer: z.strictObject({ device: z.string(), dtype: z.string() }),
  /** Of a mean log-probability, nats per token. */
  noise: z.number(),
  trajectory: z.string(),
  prefixTokens: z.int(),
  targetTokens: z.int(),
})
export type Calibration = z.infer<typeof calibrationSchema>

/** Tokens of one repository: as it is, as a trajectory, and of that what is trained. */
export const countsSchema = z.strictObject({ rawTokens: z.int(), reconstructedTokens: z.int(), trainedTokens: z.int() })

/** All that the stages of one run share. */
export interface Run {
  store: RunStore
  record: RunRecord
  config: RunConfig
  tokenizer: Tokenizer
  /** What the search scores and packing writes go through the same one. */
  renderer: Renderer
  context: RunContext
  read: SpanReader
}

export async function describeRun(
  inputs: readonly string[],
  folder: string,
  modelDir: string,
  config: RunConfig,
): Promise<RunRecord> {
  if (inputs.length === 0) {
    throw new CoreError(
      'CONFIG_INVALID',
      'No repository was given. Name folders, git repositories or archives, or a list with --from.',
    )
  }
  inputs.forEach(refuseAddress)
  for (const input of inputs.map((one) => splitRevision(one).path)) {
    if (!existsSync(input)) {
      const isLink = lstatSync(input, { throwIfNoEntry: false })?.isSymbolicLink() === true
      const what = isLink ? 'is a link that leads nowhere' : 'does not exist'
      throw new CoreError('INPUT_NOT_FOUND', `${input} ${what}. Check the path.`, { input })
    }
    if (isInside(folder, input)) {
      const message = `--out ${folder} lies inside the repository ${input}, which would take it for its own. Give a folder outside of it.`
      throw new CoreError('CONFIG_INVALID', message, { input, folder })
    }
  }
  const { name, digest, vocabularySize, contextLength } = await readModelInfo(modelDir)
  return {
    retraceVersion: retraceVersion(),
    inputs: inputs.map((input) => resolve(input)),
    modelDir: resolve(modelDir),
    model: { name, digest, vocabularySize, contextLength },
    generator: describeGenerator(config.generation),
    prompts: digestOfPrompts(config.generation),
    config: decidingConfig(config),
    backendReason: null,
  }
}

/**
 * The record with the backend that `auto` stands for: that of the folder where something was scored there, so that a
 * run that goes on is scored by one backend, else the first that can be loaded here. With the search off nothing is
 * scored, and `auto` stays.
 *
 * @throws ScoringError as `chooseBackend`
 */
export function settleBackend(store: RunStore, record: RunRecord): RunRecord {
  const { scorer, search } = record.config
  if (search === false || scorer.backend !== 'auto') return record
  const earlier = isScored(store) ? store.read('.', 'config', runRecordSchema) : null
  const { backend, reason } =
    earlier === null ? chooseBackend(scorer) : { backend: earlier.config.scorer.backend, reason: earlier.backendReason }
  return { ...record, backendReason: reason, config: { ...record.config, scorer: { ...scorer, backend } } }
}

/** What was scored holds a run to its scorer. */
function isScored(store: RunStore): boolean {
  return existsSync(store.path('calibration.json')) || existsSync(store.path('search'))
}

function isInside(folder: string, input: string): boolean {
  const root = realpathSync(input)
  if (!statSync(root).isDirectory()) return false
  const out = realPathOf(resolve(folder))
  return out === root || out.startsWith(root + sep)
}

/** The real path of what need not be there yet: links are followed as far as the path exists. */
function realPathOf(path: string): string {
  if (existsSync(path) || dirname(path) === path) return realpathSync(path)
  return join(realPathOf(dirname(path)), basename(path))
}

export function checkSameRun(store: RunStore, record: RunRecord): void {
  if (!existsSync(store.path('config.json'))) return
  const there = store.read('.', 'config', runRecordSchema)
  // A run that was refused for want of a GPU may go on with another scorer.
  const before = comparable(
    isScored(store) ? there : { ...there, config: { ...there.config, scorer: record.config.scorer } },
  )
  const now = comparable(record)
  const differs = (['retraceVersion', 'inputs', 'model', 'generator', 'prompts', 'config'] as const).filter(
    (key) => digestOf(before[key]) !== digestOf(now[key]),
  )
  if (differs.length === 0) return
  const keys = changedKeys(before.config, now.config)
  const named = differs.map((what) => (what === 'config' ? `config (${keys.join(', ')})` : what))
  throw new CoreError(
    'RUN_MISMATCH',
    `${store.folder} holds a run that was made with another ${named.join(' and another ')}. Give another --out folder, or the same arguments as before.`,
    { differs, keys },
  )
}

/** A run's record without what may change from start to start: which server answers, and how patiently it is asked. */
function comparable(record: RunRecord): Omit<RunRecord, 'config'> & { config: object } {
  return { ...record, config: { ...record.config, generation: decidingOptions(record.config.generation) } }
}

/** The keys in which two configs differ, each with both values: `scorer.backend: "onnx" there, "native" here`. */
function changedKeys(there: unknown, here: unknown, path = ''): string[] {
  if (digestOf(there ?? null) === digestOf(here ?? null)) return []
  if (!isKeyed(there) || !isKeyed(here)) {
    const [before, now] = [there, here].map((value) => (isKeyed(value) ? 'given' : (JSON.stringify(value) ?? 'none')))
    return [`${path}: ${before} there, ${now} here`]
  }
  const names = [...new Set([...Object.keys(there), ...Object.keys(here)])].sort()
  return names.flatMap((name) => changedKeys(there[name], here[name], path === '' ? name : `${path}.${name}`))
}

function isKeyed(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function openRun(folder: string): { store: RunStore; record: RunRecord } {
  const store = new RunStore(folder)
  if (!existsSync(store.path('config.json'))) {
    throw new CoreError(
      'INPUT_NOT_FOUND',
      `${folder} is not the folder of a run: it has no config.json. Check the path.`,
    )
  }
  try {
    return { store, record: store.read('.', 'config', runRecordSchema) }
  } catch (cause) {
    const why = cause instanceof RetraceError ? cause.message : String(cause)
    throw new CoreError(
      'INPUT_NOT_FOUND',
      `${folder} is not the folder of a run, or of another version: ${why}`,
      {},
      { cause },
    )
  }
}

/** Whether all that the manifest promises is there; a pack that was stopped, or a deleted file, leaves less. */
export function isWhole(store: RunStore): boolean {
  if (!existsSync(store.path('manifest.json')) || !existsSync(store.path('report.html'))) return false
  if (!store.isFinished('shards', 'manifest')) return false
  return store.read('shards', 'manifest', shardManifestSchema).shards.every(({ file, sizeBytes }) => {
    const path = store.path('shards', file)
    return existsSync(path) && statSync(path).size === sizeBytes
  })
}

/** Packing options that `retrace pack` put in the place of the config's; they hold until it is given others. */
const packingOverride = runConfigSchema.shape.packing

export function writePackingOverride(store: RunStore, packing: RunConfig['packing']): void {
  store.write('.', 'packing', packing)
}

export async function reopen(folder: string, context: RunContext): Promise<Run> {
  const { store, record } = openRun(folder)
  const config = runConfigSchema.parse(record.config)
  return runOf(store, record, config, await loadTokenizer(record.modelDir), context)
}

export function runOf(
  store: RunStore,
  record: RunRecord,
  given: RunConfig,
  tokenizer: Tokenizer,
  context: RunContext,
): Run {
  const packing = store.isFinished('.', 'packing') ? store.read('.', 'packing', packingOverride) : given.packing
  const read = spanReader(store.blobs)
  const renderer = createRenderer(packing.renderer, packing.masks)
  return { store, record, config: { ...given, packing }, tokenizer, renderer, context, read }
}
