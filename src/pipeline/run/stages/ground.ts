import { CoreError, sha256Hex, silentProgress, type RunStore } from '../../../core/index.js'
import { createParsePool, groundWithSignatures, type Grounded, type ParsePool } from '../../../grounding/index.js'
import type { Run } from '../run-folder.js'
import { groundedIds, rejectsOf, snapshotIdOf, unitsOf } from '../run-records.js'
import { EarlierRepositories } from './earlier-repositories.js'
import { inStage, orReject } from './stage-work.js'

/** How many repositories are read and parsed beside the one that is decided. */
const repositoriesAhead = 3

/** A grounded repository whose content is not on disk yet: a rejected one leaves nothing behind. */
interface GroundedInput extends Grounded {
  blobs: ReadonlyMap<string, Uint8Array>
}

/**
 * Grounds every input that is not grounded yet. Whether a repository is kept (same content, near-duplicate) depends on
 * those before it, so they are decided one after another in the order given. Meanwhile the next few are read and
 * parsed, so that no thread waits for the end of a repository; no more than these are in memory.
 */
export async function groundAll(run: Run): Promise<void> {
  const { store, config, record, context } = run
  const units = unitsOf(record.inputs)
  const waiting = units.filter(({ unit }) => !store.isFinished('inputs', unit))
  const workload = { unit: 'repositories', total: units.length, done: units.length - waiting.length }
  await inStage(run, 'Grounding', workload, async (advance) => {
    if (waiting.length === 0) return
    const pool = createParsePool(config.workers.grounding)
    const earlier = new EarlierRepositories(store, config.grounding.duplicates)
    const inputs = waiting.values()
    /** Starts work on the next input. */
    const begin = (): Promise<GroundedInput> | undefined => {
      const next = inputs.next().value
      const work = next === undefined ? undefined : groundInput(run, next.input, pool)
      // A failure is handled when its turn comes; until then it must not end the process.
      work?.catch(() => {})
      return work
    }
    const ahead = Array.from({ length: repositoriesAhead }, begin)
    try {
      for (const { input, unit } of units) {
        context.signal?.throwIfAborted()
        if (store.isFinished('inputs', unit)) {
          earlier.restore(snapshotIdOf(store, unit))
          continue
        }
        const grounded = ahead.shift() as Promise<GroundedInput>
        ahead.push(begin())
        await orReject(run, `input-${unit}`, 'grounding', async () =>
          keepGrounded(store, earlier, input, unit, await grounded),
        )
        advance()
      }
    } finally {
      await Promise.allSettled(ahead.filter((work) => work !== undefined))
      await pool.dispose()
    }
  })
  if (groundedIds(store).length === 0) failForNothing(store, units.length)
}

function failForNothing(store: RunStore, inputs: number): never {
  const rejects = rejectsOf(store)
  const [first] = rejects
  const message =
    rejects.length === 1 ? first?.message : `None of ${inputs} inputs could be read, such as: ${first?.message}`
  throw new CoreError('INPUT_INVALID', message ?? 'Nothing was given.', { rejects })
}

async function groundInput({ config, context }: Run, input: string, pool: ParsePool): Promise<GroundedInput> {
  const blobs = new Map<string, Uint8Array>()
  const put = (bytes: Uint8Array): string => {
    const digest = sha256Hex(bytes)
    blobs.set(digest, bytes)
    return digest
  }
  // The stage has one bar for all repositories.
  const progress = { ...silentProgress, note: (line: string) => context.progress.note(line) }
  const options = context.signal === undefined ? { pool, progress } : { pool, progress, signal: context.signal }
  const grounded = await groundWithSignatures(input, config.grounding, { put }, options)
  return { ...grounded, blobs }
}

/** Decides on a repository and keeps it; the record of the input, which says that everything is there, comes last. */
async function keepGrounded(
  store: RunStore,
  earlier: EarlierRepositories,
  input: string,
  unit: string,
  { snapshot, signatures, blobs }: GroundedInput,
): Promise<void> {
  const { id } = snapshot
  const duplicates = earlier.judge(input, signatures)
  await store.blobs.putAll(blobs)
  store.write('snapshots', id, snapshot)
  if (duplicates !== null) {
    store.write('signatures', id, signatures)
    if (duplicates.files.length > 0) store.write('duplicates', id, duplicates)
  }
  store.write('inputs', unit, { input: unit, snapshot: id })
  earlier.add(signatures)
}
