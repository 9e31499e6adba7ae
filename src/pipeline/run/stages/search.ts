import { CoreError, eachBounded, type RunStore } from '../../../core/index.js'
import {
  branchOf,
  measureNoise,
  searchTrajectory,
  tokensOf,
  walkSteps,
  type SearchOptions,
} from '../../../cot-search/index.js'
import type { Generator } from '../../../generation/index.js'
import { searchRowSchema, snapshotSchema, trajectorySchema, type Trajectory } from '../../../records/index.js'
import { createScorer, describeDevice, type ModelInfo, type Scorer, type ScorerCounters } from '../../../scoring/index.js'
import { thoughtRequestFor } from '../../../synthesis/index.js'
import { groundedIds } from './ground.js'
import { calibrationSchema, unfinishedSchema, type Run } from '../run-folder.js'
import { inStage } from './stage-work.js'
import { keepTrajectory } from './stages.js'
import { isBudgetSpent } from '../writer.js'

/** Searches every draft that is not searched yet; with the search off, keeps the drafts as they are. */
export async function searchAll(current: Run, generator: Generator): Promise<void> {
  const { store, config, context } = current
  reopenUnfinished(store)
  const ids = groundedIds(store).filter((id) => store.isFinished('drafts', id) && !store.isFinished('trajectories', id))
  if (ids.length === 0) return
  if (config.search !== false) return searchDrafts(current, generator, ids, config.search)
  await inStage(current, 'Search off', { unit: 'trajectories', total: ids.length, done: 0 }, async (advance) => {
    for (const id of ids) {
      context.signal?.throwIfAborted()
      await keepTrajectory(
        current,
        store.read('drafts', id, trajectorySchema),
        store.read('snapshots', id, snapshotSchema),
        false,
      )
      advance()
    }
  })
}

/** What an earlier start kept half searched, as its budget was spent, is searched on from where it was. */
function reopenUnfinished(store: RunStore): void {
  for (const id of store.finished('unfinished')) {
    const { stage } = store.read('unfinished', id, unfinishedSchema)
    if (stage === 'search') store.remove('trajectories', id)
    // A kill between the two leaves a draft that is whole with the mark that it is not.
    if (stage === 'search' || store.isFinished('drafts', id)) store.remove('unfinished', id)
  }
}

/** Thoughts that lead to code; told from the record alone, which is much less work than rendering it. */
function countThoughts({ episodes }: Trajectory): number {
  const steps = episodes.flatMap((episode) => episode.steps)
  return steps.filter(({ thought, action }) => {
    if (thought === null || !('content' in action) || action.draft === true) return false
    return action.content.end > action.content.start
  }).length
}

/** Shares trajectories out over the scorers, those with most thoughts first. The unit that is counted is a thought. */
async function searchDrafts(
  current: Run,
  generator: Generator,
  ids: readonly string[],
  options: SearchOptions,
): Promise<void> {
  const { store, config, context } = current
  const queue = ids.map((id) => ({ id, thoughts: countThoughts(store.read('drafts', id, trajectorySchema)) }))
  queue.sort((a, b) => b.thoughts - a.thoughts || (a.id < b.id ? -1 : 1))
  const total = queue.reduce((sum, one) => sum + one.thoughts, 0)
  const done = queue.reduce((sum, { id }) => sum + store.rows('search', id, searchRowSchema).length, 0)

  let noise: Promise<number> | undefined
  let saidDevice = false
  const sayDevice = (model: ModelInfo): void => {
    if (!saidDevice) context.progress.detail(`Scorer: ${describeDevice(model)}.`)
    saidDevice = true
  }
  const counters: ScorerCounters[] = []
  await inStage(current, 'Search', { unit: 'thoughts', total, done }, async (advance) => {
    const work = async (_: number, signal: AbortSignal): Promise<void> => {
      const scorer = await createScorer({ ...config.scorer, modelDir: current.record.modelDir })
      sayDevice(scorer.model)
      try {
        const measured = await (noise ??= calibrate(current, scorer))
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          await searchOne(current, generator, next.id, scorer, options, measured, signal, advance)
        }
        counters.push(await scorer.counters())
      } finally {
        await scorer.dispose()
      }
    }
    const count = Math.min(config.workers.scoring, ids.length)
    // The first failure stops the others at their next thought; it is the one to tell.
    await eachBounded(Array.from({ length: count }).keys(), count, work, context.signal)
  })
  context.progress.note(describeCounters(counters))
}

async function searchOne(
  current: Run,
  generator: Generator,
  id: string,
  scorer: Scorer,
  options: SearchOptions,
  noise: number,
  signal: AbortSignal,
  advance: () => void,
): Promise<void> {
  const { store, config, tokenizer, renderer, read } = current
  const draft = store.read('drafts', id, trajectorySchema)
  const snapshot = store.read('snapshots', id, snapshotSchema)
  let isSpent = false
  // Without a budget the rest of the thoughts stay as they are; a later start decides them, so no row is kept of them.
  const withinBudget: Pick<Generator, 'rewrite'> = {
    rewrite: async (...asked) => {
      if (isSpent) return []
      try {
        return await generator.rewrite(...asked)
      } catch (error) {
        if (!isBudgetSpent(error)) throw error
        isSpent = true
        return []
      }
    },
  }
  const { trajectory } = await searchTrajectory({
    trajectory: draft,
    requestFor: (episode, step) => thoughtRequestFor(snapshot, draft, episode, step, read, config.synthesis.showCode),
    read,
    generator: withinBudget,
    scorer,
    tokenizer,
    renderer,
    options,
    noise,
    seed: config.seed,
    decided: store.rows('search', draft.id, searchRowSchema),
    onRow: (row) => {
      if (isSpent) return
      store.append('search', draft.id, row)
      advance()
    },
    signal,
  })
  // First what says that it is not finished: killed in between, it is searched on as any other.
  if (isSpent) store.write('unfinished', id, { id, stage: 'search' })
  await keepTrajectory(current, trajectory, snapshot, true)
}

/** The noise of a mean log-probability, measured once for a run, on the first thought that fits. */
async function calibrate({ store, tokenizer, renderer, read }: Run, scorer: Scorer): Promise<number> {
  if (store.isFinished('.', 'calibration')) {
    const before = store.read('.', 'calibration', calibrationSchema)
    checkSameScorer(before.scorer, scorer.model, store.folder)
    return before.noise
  }
  for (const id of groundedIds(store).filter((one) => store.isFinished('drafts', one))) {
    const trajectory = store.read('drafts', id, trajectorySchema)
    const prefix = tokensOf(tokenizer, renderer.header(trajectory)).slice(0, scorer.model.contextLength >> 2)
    const steps = walkSteps(trajectory, renderer, read).filter((step) => step.leadsToCode)
    const branches = steps.map(({ rendered }) => branchOf(tokenizer, rendered, rendered.thought))
    const branch = branches.find((one) => one.tokens.length + prefix.length <= scorer.model.contextLength)
    if (branch === undefined) continue
    const noise = await measureNoise(scorer, prefix, branch)
    const targetTokens = branch.scored.reduce((sum, range) => sum + range.end - range.start, 0)
    const { device, dtype } = scorer.model
    const measuredOn = { trajectory: id, prefixTokens: prefix.length, targetTokens }
    store.write('.', 'calibration', { scorer: { device, dtype }, noise, ...measuredOn })
    return noise
  }
  return 0
}

/** Scores of two devices differ in their last bits, and candidates are chosen by small differences. */
function checkSameScorer(before: Pick<ModelInfo, 'device' | 'dtype'>, now: ModelInfo, folder: string): void {
  if (before.device === now.device && before.dtype === now.dtype) return
  throw new CoreError(
    'RUN_MISMATCH',
    `${folder} was begun with the scorer ${before.device} in ${before.dtype}, and here it would go on with ` +
      `${describeDevice(now)}, whose scores are not the same to the bit. Go on where it was begun, or give another --out.`,
    { before: { device: before.device, dtype: before.dtype }, now: { device: now.device, dtype: now.dtype } },
  )
}

function describeCounters(counters: readonly ScorerCounters[]): string {
  const sum = (key: keyof ScorerCounters): number => counters.reduce((total, one) => total + one[key], 0)
  const computed = sum('prefixTokensComputed') + sum('branchTokensComputed')
  return `Scorer: ${computed} tokens computed, ${sum('tokensRecomputed')} of them again; ${sum('prefixTokensReused')} prefix tokens found ready.`
}
