import { z } from 'zod'
import { CoreError, RetraceError, type RunStore } from '../core/index.js'
import { branchOf, measureNoise, searchTrajectory, tokensOf, walkSteps } from '../cot-search/index.js'
import { createGenerator } from '../generation/index.js'
import { createParsePool, groundRepository } from '../grounding/index.js'
import { createRenderer, packTrajectories } from '../packing/index.js'
import {
  searchRowSchema,
  snapshotSchema,
  trajectorySchema,
  type RepositorySnapshot,
  type Trajectory,
} from '../records/index.js'
import { createScorer, type Scorer, type ScorerCounters } from '../scoring/index.js'
import { replayTrajectory, synthesizeTrajectory, thoughtRequestFor } from '../synthesis/index.js'
import { rejectSchema, type Run, type RunContext } from './run-folder.js'

/** Runs a stage and notes how long it took; the notes are the one thing in a run's folder that differs by run. */
export async function timed(current: Run, name: string, unit: string, stage: () => Promise<number>): Promise<void> {
  const start = performance.now()
  const units = await stage()
  const seconds = Math.round(performance.now() - start) / 1000
  if (units > 0) current.store.append('.', 'timings', { name, unit, units, seconds })
}

export async function groundAll({ store, config, record, context }: Run): Promise<number> {
  const waiting = record.inputs
    .map((input, index) => ({ input, unit: String(index).padStart(6, '0') }))
    .filter(({ unit }) => !store.isFinished('inputs', unit))
  const bar = context.progress.stage(
    'Grounding',
    record.inputs.length,
    'repositories',
    record.inputs.length - waiting.length,
  )
  const pool = createParsePool(config.workers.grounding)
  try {
    for (const { input, unit } of waiting) {
      context.signal?.throwIfAborted()
      try {
        const snapshot = await groundRepository(input, config.grounding, store.blobs, {
          pool,
          ...(context.signal && { signal: context.signal }),
        })
        store.write('snapshots', snapshot.id, snapshot)
        store.write('inputs', unit, { input: unit, snapshot: snapshot.id })
      } catch (error) {
        rejectOrThrow(store, context, error, `input-${unit}`, 'grounding')
      }
      bar.advance()
    }
  } finally {
    await pool.dispose()
    bar.finish()
  }
  if (store.finished('snapshots').length === 0) {
    const [only] = store.finished('rejects').map((id) => store.read('rejects', id, rejectSchema))
    throw new CoreError('INPUT_INVALID', `No repository could be read. ${only?.message ?? ''}`, {
      rejects: store.finished('rejects'),
    })
  }
  return waiting.length
}

export async function synthesizeAll({ store, config, context }: Run): Promise<number> {
  const generator = createGenerator(config.generation)
  const ids = store.finished('snapshots')
  const waiting = ids.filter((id) => !store.isFinished('drafts', id))
  const bar = context.progress.stage('Synthesis', ids.length, 'trajectories', ids.length - waiting.length)
  for (const id of waiting) {
    context.signal?.throwIfAborted()
    try {
      const snapshot = store.read('snapshots', id, snapshotSchema)
      const trajectory = await synthesizeTrajectory(snapshot, generator, config.synthesis, store.blobs)
      replayTrajectory(trajectory, snapshot, store.blobs)
      store.write('drafts', id, trajectory)
    } catch (error) {
      rejectOrThrow(store, context, error, id, 'synthesis')
    }
    bar.advance()
  }
  bar.finish()
  return waiting.length
}

/** Counts thoughts, the unit of the search. Trajectories are shared out over the scorers, the longest first. */
export async function searchAll(current: Run): Promise<number> {
  const { store, config, context } = current
  const waiting = store.finished('drafts').filter((id) => !store.isFinished('trajectories', id))
  const drafts = waiting.map((id) => store.read('drafts', id, trajectorySchema))
  if (config.search === false || drafts.length === 0) {
    for (const draft of drafts) keepTrajectory(current, draft, store.read('snapshots', draft.id, snapshotSchema))
    return drafts.length
  }
  const renderer = createRenderer(config.packing.renderer, config.packing.masks)
  const sizes = drafts.map((draft) => ({
    draft,
    thoughts: walkSteps(draft, renderer, current.read).filter((step) => step.leadsToCode).length,
  }))
  sizes.sort((a, b) => b.thoughts - a.thoughts || (a.draft.id < b.draft.id ? -1 : 1))
  const total = sizes.reduce((sum, one) => sum + one.thoughts, 0)
  const done = sizes.reduce((sum, one) => sum + store.rows('search', one.draft.id, searchRowSchema).length, 0)
  const bar = context.progress.stage('Search', total, 'thoughts', done)
  const failed = new AbortController()
  const signal = context.signal === undefined ? failed.signal : AbortSignal.any([context.signal, failed.signal])
  let noise: Promise<number> | undefined
  const counters: ScorerCounters[] = []
  const workers = Array.from({ length: Math.min(config.workers.scoring, drafts.length) }, async () => {
    const scorer = await createScorer({ ...config.scorer, modelDir: current.record.modelDir })
    try {
      noise ??= calibrate(current, scorer)
      const measured = await noise
      for (let next = sizes.shift(); next !== undefined; next = sizes.shift()) {
        await searchOne(current, next.draft, scorer, measured, signal, () => bar.advance())
      }
      counters.push(await scorer.counters())
    } catch (error) {
      failed.abort(error)
      throw error
    } finally {
      await scorer.dispose()
    }
  })
  const results = await Promise.allSettled(workers)
  bar.finish()
  for (const result of results) if (result.status === 'rejected') throw failed.signal.reason ?? result.reason
  const sum = (key: keyof ScorerCounters): number => counters.reduce((all, one) => all + one[key], 0)
  context.progress.note(
    `Scorer: ${sum('prefixTokensComputed') + sum('branchTokensComputed')} tokens computed, ${sum('tokensRecomputed')} of them ` +
      `again; ${sum('prefixTokensReused')} prefix tokens found ready.`,
  )
  return total - done
}

async function searchOne(
  current: Run,
  draft: Trajectory,
  scorer: Scorer,
  noise: number,
  signal: AbortSignal,
  advance: () => void,
): Promise<void> {
  const { store, config, tokenizer, read } = current
  if (config.search === false) return
  const snapshot = store.read('snapshots', draft.id, snapshotSchema)
  const { trajectory } = await searchTrajectory({
    trajectory: draft,
    requestFor: (episode, step) => thoughtRequestFor(snapshot, draft, episode, step),
    read,
    generator: createGenerator(config.generation),
    scorer,
    tokenizer,
    renderer: createRenderer(config.packing.renderer, config.packing.masks),
    options: config.search,
    noise,
    seed: config.seed,
    decided: store.rows('search', draft.id, searchRowSchema),
    onRow: (row) => {
      store.append('search', draft.id, row)
      advance()
    },
    signal,
  })
  keepTrajectory(current, trajectory, snapshot)
}

/** The noise of a mean log-probability, measured once for a run on its first trajectory. */
async function calibrate({ store, config, tokenizer, read }: Run, scorer: Scorer): Promise<number> {
  const schema = z.strictObject({
    noise: z.number(),
    trajectory: z.string(),
    prefixTokens: z.int(),
    targetTokens: z.int(),
  })
  if (store.isFinished('.', 'calibration')) return store.read('.', 'calibration', schema).noise
  const renderer = createRenderer(config.packing.renderer, config.packing.masks)
  for (const id of store.finished('drafts')) {
    const trajectory = store.read('drafts', id, trajectorySchema)
    const prefix = tokensOf(tokenizer, renderer.header(trajectory)).slice(0, scorer.model.contextLength >> 2)
    const steps = walkSteps(trajectory, renderer, read).filter((step) => step.leadsToCode)
    const branches = steps.map(({ rendered }) => branchOf(tokenizer, rendered, rendered.thought))
    const branch = branches.find((one) => one.tokens.length + prefix.length <= scorer.model.contextLength)
    if (branch === undefined) continue
    const noise = await measureNoise(scorer, prefix, branch)
    const scored = branch.scored.reduce((sum, range) => sum + range.end - range.start, 0)
    store.write('.', 'calibration', { noise, trajectory: id, prefixTokens: prefix.length, targetTokens: scored })
    return noise
  }
  return 0
}

/** Replays a finished trajectory once more, counts its tokens and stores it. */
function keepTrajectory(
  { store, config, tokenizer, read }: Run,
  trajectory: Trajectory,
  snapshot: RepositorySnapshot,
): void {
  replayTrajectory(trajectory, snapshot, store.blobs)
  const renderer = createRenderer(config.packing.renderer, config.packing.masks)
  const steps = walkSteps(trajectory, renderer, read).map(({ rendered }) => Object.values(rendered).flat())
  const segments = [...renderer.header(trajectory), ...steps.flat(), ...renderer.end()]
  const lengths = tokenizer.encodeSegments(segments).map((ids) => ids.length)
  const sum = (keep: (index: number) => boolean): number =>
    lengths.reduce((total, length, index) => total + (keep(index) ? length : 0), 0)
  const raw = snapshot.files.map(
    ({ blob, sizeBytes }) => tokenizer.encode(read({ blob, start: 0, end: sizeBytes })).length,
  )
  store.write('counts', trajectory.id, {
    rawTokens: raw.reduce((total, length) => total + length, 0),
    reconstructedTokens: sum(() => true),
    trainedTokens: sum((index) => segments[index]?.trainable === true),
  })
  store.write('trajectories', trajectory.id, trajectory)
}

export async function packAll({ store, config, tokenizer, context, read }: Run): Promise<number> {
  const ids = store.finished('trajectories')
  const bar = context.progress.stage('Packing', ids.length, 'documents')
  const trajectories = function* (): Generator<Trajectory> {
    for (const id of ids) {
      yield store.read('trajectories', id, trajectorySchema)
      bar.advance()
    }
  }
  const renderer = createRenderer(config.packing.renderer, config.packing.masks)
  const input = {
    trajectories: trajectories(),
    read,
    tokenizer,
    renderer,
    folder: store.path('shards'),
    signal: context.signal,
  }
  const manifest = await packTrajectories(input, { ...config.packing, seed: config.seed })
  store.write('shards', 'manifest', manifest)
  bar.finish()
  return ids.length
}

function rejectOrThrow(store: RunStore, { progress }: RunContext, error: unknown, id: string, stage: string): void {
  if (!(error instanceof RetraceError) || error.code === 'ABORTED') throw error
  store.reject(stage, id, error.code, error.message, error.details)
  progress.note(`Left out: ${error.message}`)
}
