import { CoreError, RetraceError, type RunStore } from '../core/index.js'
import { createGenerator } from '../generation/index.js'
import { createParsePool, groundRepository } from '../grounding/index.js'
import { packTrajectories } from '../packing/index.js'
import { snapshotSchema, trajectorySchema, type RepositorySnapshot, type Trajectory } from '../records/index.js'
import { replayTrajectory, synthesizeTrajectory } from '../synthesis/index.js'
import { inputSchema, rejectSchema, type Run, type RunContext } from './run-folder.js'

/** What a stage has to do: `done` of `total` units were finished by an earlier start. */
interface Workload {
  unit: string
  total: number
  done: number
}

/**
 * Does a stage's work under a progress bar and notes how long it took for what, even where it is stopped. These notes
 * are what differs between two runs of the same input.
 */
export async function inStage(
  { store, context }: Run,
  name: string,
  { unit, total, done }: Workload,
  work: (advance: () => void) => Promise<void>,
): Promise<void> {
  const bar = context.progress.stage(name, total, unit, done)
  const start = performance.now()
  let units = 0
  try {
    await work(() => {
      units++
      bar.advance()
    })
  } finally {
    bar.finish()
    const seconds = Math.round(performance.now() - start) / 1000
    if (units > 0) store.append('.', 'timings', { name: name.toLowerCase(), unit, units, seconds })
  }
}

/** The inputs and the names of their records, in the order given. */
function unitsOf({ inputs }: Run['record']): { input: string; unit: string }[] {
  return inputs.map((input, index) => ({ input, unit: String(index).padStart(6, '0') }))
}

export async function groundAll(current: Run): Promise<void> {
  const { store, record, context } = current
  const units = unitsOf(record)
  const waiting = units.filter(({ unit }) => !store.isFinished('inputs', unit))
  const workload = { unit: 'repositories', total: units.length, done: units.length - waiting.length }
  await inStage(current, 'Grounding', workload, async (advance) => {
    const pool = createParsePool(current.config.workers.grounding)
    const known = new Set(groundedIds(store))
    try {
      for (const { input, unit } of waiting) {
        context.signal?.throwIfAborted()
        await orReject(current, `input-${unit}`, 'grounding', () => groundOne(current, input, unit, pool, known))
        advance()
      }
    } finally {
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

async function groundOne(
  { store, config, context }: Run,
  input: string,
  unit: string,
  pool: ReturnType<typeof createParsePool>,
  known: Set<string>,
): Promise<void> {
  const options = context.signal === undefined ? { pool } : { pool, signal: context.signal }
  const snapshot = await groundRepository(input, config.grounding, store.blobs, options)
  const { id } = snapshot
  if (known.has(id)) {
    throw new CoreError('INPUT_INVALID', `${input} has the same content as an input before it, ${id}; it counts once.`)
  }
  store.write('snapshots', id, snapshot)
  store.write('inputs', unit, { input: unit, snapshot: id })
  known.add(id)
}

/** Ids of the repositories that the inputs became, in code-unit order. */
export function groundedIds(store: RunStore): string[] {
  return store
    .finished('inputs')
    .map((unit) => store.read('inputs', unit, inputSchema).snapshot)
    .sort()
}

export async function synthesizeAll(current: Run): Promise<void> {
  const { store, config, context } = current
  const generator = createGenerator(config.generation)
  const ids = groundedIds(store)
  const waiting = ids.filter((id) => !store.isFinished('drafts', id))
  const workload = { unit: 'trajectories', total: ids.length, done: ids.length - waiting.length }
  await inStage(current, 'Synthesis', workload, async (advance) => {
    for (const id of waiting) {
      context.signal?.throwIfAborted()
      await orReject(current, id, 'synthesis', async () => {
        const snapshot = store.read('snapshots', id, snapshotSchema)
        const trajectory = await synthesizeTrajectory(snapshot, generator, config.synthesis, store.blobs)
        replayTrajectory(trajectory, snapshot, store.blobs)
        store.write('drafts', id, trajectory)
      })
      advance()
    }
  })
}

/** Replays a finished trajectory once more, counts its tokens and stores it. */
export function keepTrajectory(
  { store, tokenizer, renderer, read }: Run,
  trajectory: Trajectory,
  snapshot: RepositorySnapshot,
): void {
  replayTrajectory(trajectory, snapshot, store.blobs)
  const steps = trajectory.episodes.flatMap((episode) => episode.steps)
  const rendered = steps.map((step) => Object.values(renderer.step(step, read)).flat())
  const segments = [...renderer.header(trajectory), ...rendered.flat(), ...renderer.end()]
  const lengths = tokenizer.encodeSegments(segments).map((ids) => ids.length)
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const texts = snapshot.files.map(({ blob, sizeBytes }) => read({ blob, start: 0, end: sizeBytes }))
  store.write('counts', trajectory.id, {
    rawTokens: sum(texts.map((text) => tokenizer.encode(text).length)),
    reconstructedTokens: sum(lengths),
    trainedTokens: sum(lengths.filter((_, index) => segments[index]?.trainable === true)),
  })
  store.write('trajectories', trajectory.id, trajectory)
}

/** Whether every input came as far as a trajectory or a reject. */
export function isSearched(store: RunStore, record: Run['record']): boolean {
  const isDone = (id: string, stage: string): boolean => store.isFinished(stage, id) || store.isFinished('rejects', id)
  const allGrounded = unitsOf(record).every(
    ({ unit }) => store.isFinished('inputs', unit) || store.isFinished('rejects', `input-${unit}`),
  )
  return allGrounded && groundedIds(store).every((id) => isDone(id, 'trajectories'))
}

export async function packAll(current: Run): Promise<void> {
  const { store, config, tokenizer, renderer, context, read } = current
  const ids = store.finished('trajectories')
  await inStage(current, 'Packing', { unit: 'documents', total: ids.length, done: 0 }, async (advance) => {
    const trajectories = function* (): Generator<Trajectory> {
      for (const id of ids) {
        yield store.read('trajectories', id, trajectorySchema)
        advance()
      }
    }
    const folder = store.path('shards')
    const input = { trajectories: trajectories(), read, tokenizer, renderer, folder, signal: context.signal }
    const manifest = await packTrajectories(input, { ...config.packing, seed: config.seed })
    store.write('shards', 'manifest', manifest)
    if (manifest.packing.rows === 0) {
      const message = `No step fits in a row of ${manifest.sequenceLength} tokens, so nothing was packed. Raise packing.sequenceLength.`
      throw new CoreError('CONFIG_INVALID', message)
    }
  })
}

/**
 * Does one unit's work; where it fails, the unit leaves the run with its reason and the others go on. What would fail
 * for every unit is thrown: a stop, and errors of the machine such as a full disk.
 */
async function orReject(
  { store, record, context }: Run,
  id: string,
  stage: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
    store.unreject(id)
  } catch (error) {
    if (!(error instanceof Error) || isEveryones(error, context)) throw error
    const { code, details } = error instanceof RetraceError ? error : { code: 'UNEXPECTED', details: {} }
    store.reject(stage, id, code, error.message, details)
    // Where it was the only one, the run fails with this very message.
    if (record.inputs.length > 1) context.progress.note(`Left out: ${error.message}`)
  }
}

function isEveryones(error: Error, { signal }: RunContext): boolean {
  return signal?.aborted === true || 'syscall' in error || (error instanceof RetraceError && error.code === 'ABORTED')
}
