import { existsSync } from 'node:fs'
import { CoreError, digestOf, type RunStore } from '../../core/index.js'
import { decidingOptions } from '../../generation/index.js'
import { chooseBackend } from '../../scoring/index.js'
import { readRunRecord, type RunRecord } from './run-folder.js'

const decidingKeys = ['retraceVersion', 'inputs', 'model', 'generator', 'prompts', 'config'] as const

/**
 * @throws CoreError `RUN_MISMATCH` where the folder holds a run with another record, naming the keys that differ, and
 * `OUT_NOT_A_RUN` where it holds no run
 */
export function checkSameRun(store: RunStore, record: RunRecord): void {
  if (!existsSync(store.path('config.json'))) return
  // A run that has scored keeps its scorer. Before that, a run that was refused for want of a GPU may change it.
  const earlier = readRunRecord(store, 'OUT_NOT_A_RUN')
  const before = comparable(
    isScored(store) ? earlier : { ...earlier, config: { ...earlier.config, scorer: record.config.scorer } },
  )
  const now = comparable(record)
  const differs = decidingKeys.filter((key) => digestOf(before[key]) !== digestOf(now[key]))
  if (differs.length === 0) return
  const keys = changedKeys(before.config, now.config)
  const details = {
    config: keys.join(', '),
    retraceVersion: `${earlier.retraceVersion} there, ${record.retraceVersion} here`,
  }
  const named = differs.map((key) => (key in details ? `${key} (${details[key as keyof typeof details]})` : key))
  throw new CoreError(
    'RUN_MISMATCH',
    `${store.folder} holds a run that was made with another ${named.join(' and another ')}. Give another --out folder, or the same arguments as before.`,
    { differs, keys },
  )
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
  const earlier = isScored(store) ? readRunRecord(store, 'OUT_NOT_A_RUN') : null
  const { backend, reason } =
    earlier === null ? chooseBackend(scorer) : { backend: earlier.config.scorer.backend, reason: earlier.backendReason }
  return { ...record, backendReason: reason, config: { ...record.config, scorer: { ...scorer, backend } } }
}

/** Whether something was scored: that holds a run to its scorer. */
function isScored(store: RunStore): boolean {
  return existsSync(store.path('calibration.json')) || existsSync(store.path('search'))
}

/** A run's record without what may change from start to start, such as the address of the server and its time limits. */
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
