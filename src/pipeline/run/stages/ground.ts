import { CoreError, sha256Hex, silentProgress, type RunStore } from '../../../core/index.js'
import { createParsePool, groundWithSignatures, type Grounded, type ParsePool } from '../../../grounding/index.js'
import { EarlierRepositories } from './earlier-repositories.js'
import { inputSchema, rejectSchema, type Run } from '../run-folder.js'
import { inStage, orReject } from './stage-work.js'

/** How many repositories are read and parsed beside the one that is decided. */
const repositoriesAhead = 3

interface Unit {
  input: string
  unit: string
}

/** A grounded repository whose content is not kept yet: one that is left out leaves nothing behind. */
interface GroundedInput extends Grounded {
  blobs: ReadonlyMap<string, Uint8Array>
}

/** The inputs and the names of their records, in the order given. */
export function unitsOf({ inputs }: Run['record']): Unit[] {
  return inputs.map((input, index) => ({ input, unit: String(index).padStart(6, '0') }))
}

/**
 * Grounds every input that is not grounded yet. What is decided about one (same content, near-duplicate) depends on
 * those before it, so they are decided one by one in the order given; meanwhile the next few are read and parsed, so that no
 * thread waits for the end of a repository. No more than these are in memory.
 */
export async function groundAll(current: Run): Promise<void> {
  const { store, config, record, context } = current
  const units = unitsOf(record)
  const waiting = units.filter(({ unit }) => !store.isFinished('inputs', unit))
  const workload = { unit: 'repositories', total: units.length, done: units.length - waiting.length }
  await inStage(current, 'Grounding', workload, async (advance) => {
    if (waiting.length === 0) return
    const pool = createParsePool(config.workers.grounding)
    const earlier = new EarlierRepositories(store, config.grounding.duplicates)
    const inputs = waiting.values()
    /** The next input, under way from when this is called. */
    const begin = (): Promise<GroundedInput> | undefined => {
      const next = inputs.next().value
      const work = next === undefined ? undefined : groundInput(current, next.input, pool)
      // A failure is told where its turn comes; until then it must not end the process.
      work?.catch(() => {})
      return work
    }
    const ahead = Array.from({ length: repositoriesAhead }, begin)
    try {
      for (const { input, unit } of units) {
        context.signal?.throwIfAborted()
        if (store.isFinished('inputs', unit)) {
          earlier.restore(store.read('inputs', unit, inputSchema).snapshot)
          continue
        }
        const grounded = ahead.shift() as Promise<GroundedInput>
        ahead.push(begin())
        await orReject(current, `input-${unit}`, 'grounding', async () =>
          keep(store, earlier, input, unit, await grounded),
        )
        advance()
      }
    } finally {
      await Promise.allSettled(ahead)
      await pool.dispose()
    }
  })
  if (groundedIds(store).length > 0) return
  const rejects = store.finished('rejects').map((id) => store.read('rejects', id, rejectSchema))
  const [first] = rejects
  const message =
    rejects.length === 1 ? first?.message : `None of ${units.length} inputs could be read, such as: ${first?.message}`
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

/** Decides on a repository and keeps it; the record of the input, which says that all is there, is written last. */
async function keep(
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

/** Ids of the repositories that the inputs became, in code-unit order. */
export function groundedIds(store: RunStore): string[] {
  return store
    .finished('inputs')
    .map((unit) => store.read('inputs', unit, inputSchema).snapshot)
    .sort()
}
