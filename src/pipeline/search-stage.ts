import { CoreError } from '../core/index.js'
import {
  branchOf,
  measureNoise,
  searchTrajectory,
  tokensOf,
  walkSteps,
  type SearchOptions,
} from '../cot-search/index.js'
import { createGenerator } from '../generation/index.js'
import { searchRowSchema, snapshotSchema, trajectorySchema, type Trajectory } from '../records/index.js'
import { createScorer, describeDevice, type ModelInfo, type Scorer, type ScorerCounters } from '../scoring/index.js'
import { thoughtRequestFor } from '../synthesis/index.js'
import { calibrationSchema, type Run } from './run-folder.js'
import { groundedIds, inStage, keepTrajectory } from './stages.js'

/** Searches every draft that is not searched yet; with the search off, keeps the drafts as they are. */
export async function searchAll(current: Run): Promise<void> {
  const { store, config, context } = current
  const ids = groundedIds(store).filter((id) => store.isFinished('drafts', id) && !store.isFinished('trajectories', id))
  const drafts = ids.map((id) => store.read('drafts', id, trajectorySchema))
  if (drafts.length === 0) return
  if (config.search !== false) return searchDrafts(current, drafts, config.search)
  await inStage(current, 'Search off', { unit: 'trajectories', total: drafts.length, done: 0 }, async (advance) => {
    for (const draft of drafts) {
      context.signal?.throwIfAborted()
      keepTrajectory(current, draft, store.read('snapshots', draft.id, snapshotSchema))
      advance()
    }
  })
}

/** Shares trajectories out over the scorers, those with most thoughts first. The unit that is counted is a thought. */
async function searchDrafts(current: Run, drafts: readonly Trajectory[], options: SearchOptions): Promise<void> {
  const { store, config, context, renderer, read } = current
  const queue = drafts.map((draft) => ({
    draft,
    thoughts: walkSteps(draft, renderer, read).filter((step) => step.leadsToCode).length,
  }))
  queue.sort((a, b) => b.thoughts - a.thoughts || (a.draft.id < b.draft.id ? -1 : 1))
  const total = queue.reduce((sum, one) => sum + one.thoughts, 0)
  const done = queue.reduce((sum, one) => sum + store.rows('search', one.draft.id, searchRowSchema).length, 0)

  const failed = new AbortController()
  const signal = context.signal === undefined ? failed.signal : AbortSignal.any([context.signal, failed.signal])
  let noise: Promise<number> | undefined
  let saidDevice = false
  const sayDevice = (model: ModelInfo): void => {
    if (!saidDevice) context.progress.detail(`Scorer: ${describeDevice(model)}.`)
    saidDevice = true
  }
  const counters: ScorerCounters[] = []
  await inStage(current, 'Search', { unit: 'thoughts', total, done }, async (advance) => {
    const work = async (): Promise<void> => {
      const scorer = await createScorer({ ...config.scorer, modelDir: current.record.modelDir })
      sayDevice(scorer.model)
      try {
        const measured = await (noise ??= calibrate(current, scorer))
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          await searchOne(current, next.draft, scorer, options, measured, signal, advance)
        }
        counters.push(await scorer.counters())
      } finally {
        await scorer.dispose()
      }
    }
    const count = Math.min(config.workers.scoring, drafts.length)
    // The first failure stops the others at their next thought; it is the one to tell.
    const workers = Array.from({ length: count }, () => work().catch((error: unknown) => failed.abort(error)))
    await Promise.all(workers)
    context.signal?.throwIfAborted()
    failed.signal.throwIfAborted()
  })
  context.progress.note(describeCounters(counters))
}

async function searchOne(
  current: Run,
  draft: Trajectory,
  scorer: Scorer,
  options: SearchOptions,
  noise: number,
  signal: AbortSignal,
  advance: () => void,
): Promise<void> {
  const { store, config, tokenizer, renderer, read } = current
  const snapshot = store.read('snapshots', draft.id, snapshotSchema)
  const { trajectory } = await searchTrajectory({
    trajectory: draft,
    requestFor: (episode, step) => thoughtRequestFor(snapshot, draft, episode, step),
    read,
    generator: createGenerator(config.generation),
    scorer,
    tokenizer,
    renderer,
    options,
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
