import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { z } from 'zod'
import { decidingConfig, retraceVersion, runConfigSchema, type RunConfig } from '../../config.js'
import { CoreError, readFileIfPresent, RunStore, spanReader, type SpanReader } from '../../core/index.js'
import { describeGenerator, digestOfPrompts } from '../../generation/index.js'
import { refuseAddress, splitRevision } from '../../grounding/index.js'
import { readModelInfo } from '../../model/index.js'
import { generatorInfoSchema, shardManifestSchema } from '../../records/index.js'
import { createRenderer, type Renderer } from '../../rendering/index.js'
import { loadTokenizer, type Tokenizer } from '../../tokenizer/index.js'
import type { RunContext } from './run-context.js'

/** `config.json` of a run: what decides its bytes, and what it was started with. */
const runRecordSchema = z.strictObject({
  retraceVersion: z.string(),
  inputs: z.array(z.string()),
  modelDir: z.string(),
  model: z.strictObject({
    name: z.string(),
    digest: z.string(),
    vocabularySize: z.int(),
    contextLength: z.int(),
  }),
  /** What writes the texts. */
  generator: generatorInfoSchema,
  /** Digest of all prompts: a run that went on with others would be two runs in one folder. */
  prompts: z.string(),
  /** Why the scorer's backend was chosen, where the config left it open; the config here names the one that was. */
  backendReason: z.string().nullable().default(null),
  config: runConfigSchema.omit({ workers: true }),
})
export type RunRecord = z.infer<typeof runRecordSchema>

/** What the stages of one run share. */
export interface Run {
  store: RunStore
  record: RunRecord
  config: RunConfig
  tokenizer: Tokenizer
  /** One renderer for both: the search scores exactly the text that packing writes. */
  renderer: Renderer
  context: RunContext
  read: SpanReader
}

/** The record of a run that is to be started. @throws CoreError `CONFIG_INVALID`, `INPUT_NOT_FOUND`; ScoringError */
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
  for (const input of inputs) checkInput(splitRevision(input).path, folder)
  const { name, digest, vocabularySize, contextLength } = await readModelInfo(modelDir)
  return {
    retraceVersion: retraceVersion(),
    inputs: inputs.map((input) => resolve(input)),
    modelDir: resolve(modelDir),
    model: { name, digest, vocabularySize, contextLength },
    generator: describeGenerator(config.generation),
    prompts: digestOfPrompts(config.generation),
    backendReason: null,
    config: decidingConfig(config),
  }
}

function checkInput(input: string, folder: string): void {
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

function isInside(folder: string, input: string): boolean {
  const root = realpathSync(input)
  if (!statSync(root).isDirectory()) return false
  const out = realPathOf(resolve(folder))
  return out === root || out.startsWith(root + sep)
}

/** The real path of a file that need not exist yet: links are followed as far as the path exists. */
function realPathOf(path: string): string {
  if (existsSync(path) || dirname(path) === path) return realpathSync(path)
  return join(realPathOf(dirname(path)), basename(path))
}

/** The store and the record of a run that was begun. @throws CoreError `INPUT_NOT_FOUND`, and as `readRunRecord` */
export function openRun(folder: string): { store: RunStore; record: RunRecord } {
  const store = new RunStore(folder)
  if (!existsSync(store.path('config.json'))) {
    throw new CoreError(
      'INPUT_NOT_FOUND',
      `${folder} is not the folder of a run: it has no config.json. Check the path.`,
    )
  }
  return { store, record: readRunRecord(store, 'INPUT_NOT_FOUND') }
}

const versionedSchema = z.looseObject({ retraceVersion: z.string() })

/**
 * The record of a run.
 *
 * @param otherCode the code where `config.json` is not that of a run
 * @throws CoreError `RUN_MISMATCH` where a version of retrace wrote it whose records have another form, `RECORD_INVALID`
 */
export function readRunRecord(store: RunStore, otherCode: 'INPUT_NOT_FOUND' | 'OUT_NOT_A_RUN'): RunRecord {
  const bytes = readFileIfPresent(store.path('config.json'))
  const { data } = versionedSchema.safeParse(parseJson(bytes?.toString('utf8') ?? ''))
  if (data === undefined) {
    throw new CoreError(
      otherCode,
      `${store.folder} is not the folder of a run: its config.json is something else. Check the path.`,
    )
  }
  const now = retraceVersion()
  if (data.retraceVersion === now || runRecordSchema.safeParse(data).success)
    return store.read('.', 'config', runRecordSchema)
  const message = `${store.folder} holds a run of retrace ${data.retraceVersion}, whose records this version, ${now}, cannot read. Use version ${data.retraceVersion} for it, or make the run anew in another folder.`
  throw new CoreError('RUN_MISMATCH', message, { there: data.retraceVersion, here: now })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether every file that the manifest names is there; a pack that was stopped, or a deleted file, leaves less. */
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

/** A run as it was begun, for work on its records. @throws CoreError, TokenizerError */
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
  const renderer = createRenderer(packing.renderer, packing.masks)
  return { store, record, config: { ...given, packing }, tokenizer, renderer, context, read: spanReader(store.blobs) }
}
