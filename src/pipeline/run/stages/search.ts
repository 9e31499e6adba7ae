import { eachBounded, type RunStore } from '../../../core/index.js'
import { searchTrajectory, type SearchOptions } from '../../../cot-search/index.js'
import type { Generator } from '../../../generation/index.js'
import {
  searchRowSchema,
  snapshotSchema,
  trajectorySchema,
  type RepositorySnapshot,
  type Trajectory,
} from '../../../records/index.js'
import {
  createScorer,
  describeDevice,
  type ModelInfo,
  type Scorer,
  type ScorerCounters,
} from '../../../scoring/index.js'
import { replayTrajectory, thoughtRequestFor } from '../../../synthesis/index.js'
import type { Run } from '../run-folder.js'
import { groundedIds, unfinishedOf, unitsOf } from '../run-records.js'
import { calibrate } from './calibrate.js'
import { inStage, isBudgetSpent } from './stage-work.js'

/** Searches every draft that is not searched yet; with the search off, keeps the drafts as they are. */
export async function searchAll(run: Run, generator: Generator): Promise<void> {
  const { store, config, context } = run
  reopenUnfinished(store)
  const ids = groundedIds(store).filter((id) => store.isFinished('drafts', id) && !store.isFinished('trajectories', id))
  if (ids.length === 0) return
  if (config.search !== false) return searchDrafts(run, generator, ids, config.search)
  await inStage(run, 'Search off', { unit: 'trajectories', total: ids.length, done: 0 }, async (advance) => {
    for (const id of ids) {
      context.signal?.throwIfAborted()
      const draft = store.read('drafts', id, trajectorySchema)
      await keepTrajectory(run, draft, store.read('snapshots', id, snapshotSchema), false)
      advance()
    }
  })
}

/** Whether every input has become a trajectory or a reject, or is unfinished for want of budget. */
export function isSearched(store: RunStore, inputs: readonly string[]): boolean {
  const allGrounded = unitsOf(inputs).every(
    ({ unit }) => store.isFinished('inputs', unit) || store.isFinished('rejects', `input-${unit}`),
  )
  const stages = ['trajectories', 'rejects', 'unfinished']
  return allGrounded && groundedIds(store).every((id) => stages.some((stage) => store.isFinished(stage, id)))
}

/** A trajectory that an earlier start kept half searched, as its budget was spent, is searched on from where it was. */
function reopenUnfinished(store: RunStore): void {
  for (const { id, stage } of unfinishedOf(store)) {
    if (stage === 'search') store.remove('trajectories', id)
    // A kill between the two leaves a whole draft that is still marked as unfinished.
    if (stage === 'search' || store.isFinished('drafts', id)) store.remove('unfinished', id)
  }
}

/** Thoughts that lead to code, counted from the record alone: rendering would be much more work. */
function countThoughts({ episodes }: Trajectory): number {
  const steps = episodes.flatMap((episode) => episode.steps)
  return steps.filter(({ thought, action }) => {
    if (thought === null || !('content' in action) || action.draft === true) return false
    return action.content.end > action.content.start
  }).length
}

/** Shares trajectories out over the scorers, those with most thoughts first. The unit of progress is a thought. */
async function searchDrafts(
  run: Run,
  generator: Generator,
  ids: readonly string[],
  options: SearchOptions,
): Promise<void> {
  const { store, config, context, record } = run
  const queue = ids.map((id) => ({ id, thoughts: countThoughts(store.read('drafts', id, trajectorySchema)) }))
  queue.sort((a, b) => b.thoughts - a.thoughts || (a.id < b.id ? -1 : 1))
  const total = queue.reduce((sum, { thoughts }) => sum + thoughts, 0)
  const done = queue.reduce((sum, { id }) => sum + store.rows('search', id, searchRowSchema).length, 0)

  let noise: Promise<number> | undefined
  let isDeviceReported = false
  const reportDevice = (model: ModelInfo): void => {
    if (!isDeviceReported) context.progress.detail(`Scorer: ${describeDevice(model)}.`)
    isDeviceReported = true
  }
  const counters: ScorerCounters[] = []
  await inStage(run, 'Search', { unit: 'thoughts', total, done }, async (advance) => {
    const work = async (_: number, signal: AbortSignal): Promise<void> => {
      const scorer = await createScorer({ ...config.scorer, modelDir: record.modelDir })
      reportDevice(scorer.model)
      try {
        const measured = await (noise ??= calibrate(run, scorer))
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          await searchDraft(run, generator, next.id, { scorer, options, noise: measured, signal, advance })
        }
        counters.push(await scorer.counters())
      } finally {
        await scorer.dispose()
      }
    }
    const count = Math.min(config.workers.scoring, ids.length)
    // The first failure stops the other scorers at their next thought, and is the one that is thrown.
    await eachBounded(Array.from({ length: count }).keys(), count, work, context.signal)
  })
  context.progress.note(describeCounters(counters))
}

interface DraftSearch {
  scorer: Scorer
  options: SearchOptions
  noise: number
  signal: AbortSignal
  advance: () => void
}

async function searchDraft(
  run: Run,
  generator: Generator,
  id: string,
  { scorer, options, noise, signal, advance }: DraftSearch,
): Promise<void> {
  const { store, config, tokenizer, renderer, read } = run
  const draft = store.read('drafts', id, trajectorySchema)
  const snapshot = store.read('snapshots', id, snapshotSchema)
  const budgeted = untilBudgetIsSpent(generator)
  const { trajectory } = await searchTrajectory({
    trajectory: draft,
    requestFor: (episode, step) => thoughtRequestFor(snapshot, draft, episode, step, read, config.synthesis.showCode),
    read,
    generator: budgeted,
    scorer,
    tokenizer,
    renderer,
    options,
    noise,
    seed: config.seed,
    decided: store.rows('search', draft.id, searchRowSchema),
    onRow: (row) => {
      // A later start decides the rest of the thoughts, so no row of them is kept.
      if (budgeted.isSpent()) return
      store.append('search', draft.id, row)
      advance()
    },
    signal,
  })
  // The mark that it is not finished comes first: after a kill in between, it is searched on like any other.
  if (budgeted.isSpent()) store.write('unfinished', id, { id, stage: 'search' })
  await keepTrajectory(run, trajectory, snapshot, true)
}

/** Rewrites by a generator until its budget is spent, then none: the rest of the thoughts stay as they are. */
function untilBudgetIsSpent(generator: Generator): Pick<Generator, 'rewrite'> & { isSpent(): boolean } {
  let isSpent = false
  return {
    isSpent: () => isSpent,
    rewrite: async (...request) => {
      if (isSpent) return []
      try {
        return await generator.rewrite(...request)
      } catch (error) {
        if (!isBudgetSpent(error)) throw error
        isSpent = true
        return []
      }
    },
  }
}

/** Counts the tokens of a finished trajectory and stores it; where thoughts were changed, it is replayed once more. */
async function keepTrajectory(
  { store, tokenizer, renderer, read }: Run,
  trajectory: Trajectory,
  snapshot: RepositorySnapshot,
  isChanged: boolean,
): Promise<void> {
  if (isChanged) await replayTrajectory(trajectory, snapshot, store.blobs)
  const steps = trajectory.episodes.flatMap((episode) => episode.steps)
  const rendered = steps.flatMap((step) => {
    const { open, thought, action, content, close } = renderer.step(step, read)
    return [...open, ...thought, ...action, ...content, ...close]
  })
  const segments = [...renderer.header(trajectory), ...rendered, ...renderer.end()]
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

function describeCounters(counters: readonly ScorerCounters[]): string {
  const sum = (key: keyof ScorerCounters): number => counters.reduce((total, counts) => total + counts[key], 0)
  const computed = sum('prefixTokensComputed') + sum('branchTokensComputed')
  return `Scorer: ${computed} tokens computed, ${sum('tokensRecomputed')} of them again; ${sum('prefixTokensReused')} prefix tokens found ready.`
}
