import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { canonicalJson, CoreError, digestOf, lockFolder, readFileIfPresent, writeFileAtomic } from '../core/index.js'
import { trainingEngines } from '../records/index.js'
import { awaitEarlierRanks } from './earlier-ranks.js'
import type { ModelIdentity } from './model-shape.js'
import { trainingConfigSchema } from './options.js'
import type { TrainingJob } from './plan.js'
import type { TrainingContext, TrainingRequest } from './request.js'
import type { ShardFolder } from './shard-folders.js'

const recordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  engine: z.enum(trainingEngines),
  /** Digest of the model that training starts from. */
  model: z.string(),
  /** Digests of the manifests, in order. */
  shards: z.array(z.string()),
  config: trainingConfigSchema.omit({ checkpoint: true }),
})
/** `config.json` of a training folder: everything that decides the weights, so not how often they are saved. */
export type TrainingRecord = z.infer<typeof recordSchema>

export function recordOf(
  { engine, config }: TrainingRequest,
  { digest }: ModelIdentity,
  shards: readonly ShardFolder[],
): TrainingRecord {
  const { checkpoint: _checkpoint, ...deciding } = config
  return { schemaVersion: 1, engine, model: digest, shards: shards.map((shard) => shard.digest), config: deciding }
}

/** The text of `config.json`: equal records have equal bytes, so that a script can compare them. */
export function recordText(record: TrainingRecord): string {
  return `${canonicalJson(record)}\n`
}

export function jobText(job: TrainingJob): string {
  return `${JSON.stringify(job, null, 2)}\n`
}

/**
 * Locks the folder, checks that it belongs to the same training, waits for the ranks of an earlier start and writes the
 * files that the loop reads. Of several machines each has a lock of its own.
 *
 * @returns a function that unlocks the folder
 * @throws CoreError `RUN_BUSY`, `RUN_MISMATCH`, `OUT_NOT_A_RUN`
 */
export async function openTrainingFolder(
  record: TrainingRecord,
  job: TrainingJob,
  nodes: number,
  context: TrainingContext,
): Promise<() => void> {
  checkFolder(record, job.out)
  const locked = nodes === 1 ? job.out : join(job.out, 'nodes', hostname())
  mkdirSync(locked, { recursive: true })
  const unlock = lockFolder(locked)
  try {
    checkFolder(record, job.out)
    await awaitEarlierRanks(job.out, context)
    writeFileAtomic(join(job.out, 'config.json'), recordText(record))
    writeFileAtomic(join(job.out, 'job.json'), jobText(job))
    // Left by an earlier start, these would end this one or be taken for its failure.
    for (const name of ['failure.json', 'stop']) rmSync(join(job.out, name), { force: true })
    return unlock
  } catch (error) {
    unlock()
    throw error
  }
}

/** @throws CoreError `RUN_MISMATCH`, `OUT_NOT_A_RUN` */
export function checkFolder(record: TrainingRecord, out: string): void {
  if (!existsSync(out)) return
  const names = statSync(out).isDirectory() ? readdirSync(out) : ['a file']
  const bytes = names.includes('config.json') ? readFileIfPresent(join(out, 'config.json')) : null
  if (bytes === null) {
    if (names.every(isOfUnfinishedStart)) return
    throw new CoreError('OUT_NOT_A_RUN', `${out} holds other things than a training. Give another --out.`)
  }
  const found = parseRecord(bytes.toString('utf8'))
  if (found === null) {
    throw new CoreError('OUT_NOT_A_RUN', `${out} holds something else, by its config.json. Give another --out.`)
  }
  const keys = changedKeys(found, record)
  if (keys.length === 0) return
  const message = `${out} holds a training with another ${keys.join(', ')}. Give another --out, or the same arguments as before.`
  throw new CoreError('RUN_MISMATCH', message, { keys })
}

/** Before there is a config.json, a kill leaves only locks, temporary files and logs. */
function isOfUnfinishedStart(name: string): boolean {
  return name === 'lock' || name === 'nodes' || name === 'logs' || /^(lock|config\.json)\..*\.tmp$/.test(name)
}

function parseRecord(text: string): TrainingRecord | null {
  try {
    return recordSchema.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** The keys in which two records differ, each with both values: `config.seed (0 there, 1 here)`. */
function changedKeys(there: unknown, here: unknown, path = ''): string[] {
  if (digestOf(there ?? null) === digestOf(here ?? null)) return []
  if (isKeyed(there) && isKeyed(here)) {
    const names = [...new Set([...Object.keys(there), ...Object.keys(here)])].sort()
    return names.flatMap((name) => changedKeys(there[name], here[name], path === '' ? name : `${path}.${name}`))
  }
  // Digests mean nothing to a person.
  if (path === 'model' || path === 'shards') return [path]
  return [`${path} (${JSON.stringify(there)} there, ${JSON.stringify(here)} here)`]
}

function isKeyed(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const keptLogs = 10

/** Makes a new folder for the logs of this start, and deletes the oldest ones. */
export function newLogFolder(out: string, nodes: number): string {
  const folder = nodes === 1 ? join(out, 'logs') : join(out, 'logs', hostname())
  mkdirSync(folder, { recursive: true })
  const earlier = readdirSync(folder)
    .filter((name) => /^\d{4,}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
  const nameOf = (number: number): string => join(folder, String(number).padStart(4, '0'))
  for (const number of earlier.slice(0, Math.max(0, earlier.length + 1 - keptLogs))) {
    rmSync(nameOf(number), { recursive: true, force: true })
  }
  const logs = nameOf((earlier.at(-1) ?? 0) + 1)
  mkdirSync(logs)
  return logs
}

/** Step of the newest complete checkpoint, or `null`. */
export function lastCheckpoint(out: string): number | null {
  const folder = join(out, 'checkpoints')
  if (!existsSync(folder)) return null
  const steps = readdirSync(folder).flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
  return steps.length === 0 ? null : Math.max(...steps.map(Number))
}
