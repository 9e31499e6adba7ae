import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalJson, writeFileAtomic, spanReader } from '../../core/index.js'
import { packingOptionsSchema, packRepositories } from '../../packing/index.js'
import type { ShardManifest, SuiteOutcome } from '../../records/index.js'
import { evaluateOffline, offlineCommandLine, type OfflineRequest } from '../../training/index.js'
import type { RunContext } from '../run/run-context.js'
import type { ModelToEvaluate } from './models.js'
import type { EvaluationRepositories } from './repositories.js'
import { completionTasks } from './completion-tasks.js'
import { needleTasks } from './needle-tasks.js'
import { writeTasks, type TaskSource } from './tasks.js'

export const offlineSuiteNames = ['held-out', 'needle', 'completion'] as const
export type OfflineSuiteName = (typeof offlineSuiteNames)[number]

/** What an offline suite is run with. */
interface OfflineWork {
  model: ModelToEvaluate
  repositories: EvaluationRepositories
  /** Folder for shards and tasks; models with the same tokenizer and context share it. */
  work: string
  device: OfflineRequest['device']
  python: string
  limit: number | null
  context: RunContext
}

const seed = 0
/** Documents of held-out code are cut to at most so many tokens. */
const maxRowTokens = 65_536

/** Makes the shards or tasks of a suite and measures. @throws TrainingError; the signal's reason */
export async function runOfflineSuite(name: OfflineSuiteName, given: OfflineWork): Promise<SuiteOutcome> {
  const started = performance.now()
  const { model, device, python, context } = given
  const input = await inputOf(name, given)
  if ('skipped' in input) return { ...input, commands: [offlineSuiteLine(name, { ...given, work: 'WORK' })] }
  const { shards, tasks, digest } = input
  const request = { modelDir: model.folder, shards, tasks, device, python }
  const results = await evaluateOffline(request, context)
  const seconds = Math.round(performance.now() - started) / 1000
  return { ranAt: new Date().toISOString(), seconds, ...(digest === null ? {} : { tasks: digest }), results }
}

/** The command that measures; shards and tasks have the names that they get in the work folder. */
export function offlineSuiteLine(
  name: OfflineSuiteName,
  { model, work, device, python }: Pick<OfflineWork, 'model' | 'work' | 'device' | 'python'>,
): string {
  const isHeldOut = name === 'held-out'
  const shards: Record<string, string> = isHeldOut ? { code: join(work, 'code') } : {}
  const tasks = isHeldOut ? null : join(work, `${name}.jsonl`)
  return offlineCommandLine({ modelDir: model.folder, shards, tasks, device, python }, join(work, 'results.json'))
}

type Input = { shards: Record<string, string>; tasks: string | null; digest: string | null } | { skipped: string }

async function inputOf(name: OfflineSuiteName, given: OfflineWork): Promise<Input> {
  if (name === 'held-out') return { shards: await heldOutShards(given), tasks: null, digest: null }
  const { repositories, model, work, limit, context } = given
  const { tokenizer, contextLength } = model
  const source: TaskSource = { repositories, tokenizer, contextLength, seed }
  const missing: number[] = []
  const onMissing = (length: number): void => void missing.push(length)
  const made =
    name === 'needle'
      ? needleTasks(source, limit === null ? {} : { tasksPerCell: limit }, onMissing)
      : completionTasks(source, limit === null ? {} : { tasks: limit })
  const path = join(work, `${name}.jsonl`)
  const { count, digest } = writeTasks(path, made)
  if (missing.length > 0) {
    const why = 'the needles leave no room for code in them, or the repositories have too little code'
    context.progress.note(`Needles: none in ${missing.join(', ')} tokens: ${why}.`)
  }
  if (count > 0) return { shards: {}, tasks: path, digest }
  return { skipped: `the repositories of ${repositories.folder} have too little code to make a task of` }
}

/**
 * The code of the repositories, packed for this model, so that models with any tokenizer can be compared; and the run's
 * own shards where they were made with this tokenizer.
 */
async function heldOutShards({ model, repositories, work, context }: OfflineWork): Promise<Record<string, string>> {
  const { tokenizer, contextLength } = model
  const code = join(work, 'code')
  if (!existsSync(join(code, 'manifest.json'))) {
    const options = packingOptionsSchema.parse({
      sequenceLength: Math.min(contextLength, maxRowTokens),
      content: 'code',
    })
    const documents = (function* () {
      for (const id of repositories.ids) yield { snapshot: repositories.snapshot(id), domain: 'code' }
    })()
    const manifest = await packRepositories(
      {
        repositories: documents,
        read: spanReader(repositories.store.blobs),
        tokenizer,
        folder: code,
        signal: context.signal,
      },
      options,
    )
    writeFileAtomic(join(code, 'manifest.json'), canonicalJson(manifest) + '\n')
    noteCuts(manifest, context)
  }
  const { shards } = repositories
  if (shards === null || shards.manifest.renderer === 'code') return { code }
  if (shards.manifest.tokenizer.digest === tokenizer.digest) return { code, trajectories: shards.folder }
  context.progress.note(`${model.name}: the run's trajectories were packed with another tokenizer, and are left out.`)
  return { code }
}

/** Two models are compared on the same text only where no repository was cut or lost tokens for either of them. */
function noteCuts({ sequenceLength, packing }: ShardManifest, { progress }: RunContext): void {
  const { documents, documentsCut, pieces, dropped } = packing
  if (documentsCut === 0) return
  const lost = dropped.reduce((sum, { tokens }) => sum + tokens, 0)
  const without = lost === 0 ? '' : `, ${lost} tokens of them in no piece since a line is longer`
  progress.note(
    `Code: ${documentsCut} of ${documents} repositories cut at ${sequenceLength} tokens, ${pieces} pieces${without}.`,
  )
}
