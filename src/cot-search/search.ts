import type { Generator, ThoughtRequest } from '../generation/index.js'
import type {
  Candidate,
  Renderer,
  SearchRow,
  Segment,
  SpanReader,
  Step,
  Thought,
  Trajectory,
} from '../records/index.js'
import type { Branch, Prefix, Scorer } from '../scoring/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import { decideRound, gateBeforeScore, leastGain, type Best } from './gates.js'
import { measureLeak } from './leak.js'
import type { SearchOptions } from './options.js'
import { branchOf, stepTokens, textOf, tokensOf, walkSteps, type WalkedStep } from './prepare.js'
import { chooseHeader, headerParts, joinTokens, View, windowStart, type HeaderTokens } from './view.js'

export interface SearchInput {
  trajectory: Trajectory
  /** What a step's thought may be made of. */
  requestFor(episode: number, step: number): ThoughtRequest
  read: SpanReader
  generator: Generator
  scorer: Scorer
  tokenizer: Tokenizer
  renderer: Renderer
  options: SearchOptions
  /** Of a mean log-probability, in nats; see `measureNoise`. */
  noise: number
  /** Names the random draws together with the trajectory's id. */
  seed: number
  /** Rows that an earlier, interrupted run decided, in order; they are taken over, not scored again. */
  decided: readonly SearchRow[]
  /** Called as soon as a thought is decided, before the next one is scored. */
  onRow(row: SearchRow): void
  signal?: AbortSignal
}

/**
 * Looks for better thoughts: for each thought that leads to code, rewrites of the best so far, kept where the true
 * code becomes more likely under them and every gate passes.
 *
 * @returns the trajectory with the thoughts that won, and every row
 */
export async function searchTrajectory(input: SearchInput): Promise<{ trajectory: Trajectory; rows: SearchRow[] }> {
  const { trajectory, tokenizer, renderer, scorer, options } = input
  const steps = walkSteps(trajectory, renderer, input.read)
  const parts = headerParts(renderer.header(trajectory))
  const headers: HeaderTokens = {
    whole: tokensOf(tokenizer, parts.whole),
    requirements: tokensOf(tokenizer, parts.requirements),
    none: tokensOf(tokenizer, parts.none),
  }
  const mode = chooseHeader(headers, scorer.model.contextLength, options.maxHeaderShare)
  const header = headers[mode]
  const view = new View(scorer)
  view.jump(header, 0)

  const rows: SearchRow[] = []
  const chosen = new Map<number, Thought | null>()
  const lengths: number[] = []
  let waiting: Uint32Array[] = [] // what stands between the prefix and the next branch
  for (const step of steps) {
    input.signal?.throwIfAborted()
    const open = tokensOf(tokenizer, step.rendered.open)
    const close = tokensOf(tokenizer, step.rendered.close)
    if (!step.leadsToCode) {
      const tokens = stepTokens(tokenizer, step.rendered)
      waiting.push(tokens)
      lengths.push(tokens.length)
      continue
    }
    const bare = branchOf(tokenizer, step.rendered, [])
    const needed = open.length + options.maxThoughtTokens + bare.tokens.length
    const pending = waiting.reduce((sum, tokens) => sum + tokens.length, 0)
    if (view.length + pending + needed > scorer.model.contextLength) {
      const first = windowStart(lengths, header.length, needed, scorer.model.contextLength)
      const past = steps
        .slice(first, step.index)
        .map((one) => stepTokens(tokenizer, withThought(one, renderer, input, chosen)))
      view.jump(joinTokens([header, ...past]), first)
      waiting = []
    }
    view.extend({ tokens: joinTokens([...waiting, open]), scored: [] })
    waiting = []
    const fits = view.length - open.length + needed <= scorer.model.contextLength
    const seen = { header: mode, firstStep: view.firstStep, prefixTokens: view.length }
    const row = input.decided[rows.length] ?? (await decideStep(input, steps, step, view, seen, fits))
    if (rows.length >= input.decided.length) input.onRow(row)
    rows.push(row)
    const thought = row.outcome === 'too-long' ? step.thought : (row.candidates[row.chosen]?.thought ?? null)
    chosen.set(step.index, thought)

    const branch = branchOf(tokenizer, step.rendered, thoughtSegments(thought, step, renderer, input))
    lengths.push(open.length + branch.tokens.length + close.length)
    if (row.outcome === 'too-long') view.jump(header, step.index + 1)
    else {
      view.extend(branch)
      waiting.push(close)
    }
  }
  view.close()
  return { trajectory: withThoughts(trajectory, steps, chosen), rows }
}

/** Scores and decides one thought. */
async function decideStep(
  input: SearchInput,
  steps: readonly WalkedStep[],
  step: WalkedStep,
  view: View,
  seen: SearchRow['view'],
  fits: boolean,
): Promise<SearchRow> {
  const { tokenizer, renderer, options } = input
  const code = textOf(step.rendered.content)
  const row = {
    trajectory: input.trajectory.id,
    episode: step.episode,
    step: step.step,
    path: step.path,
    view: seen,
    targetTokens: tokensOf(tokenizer, step.rendered.content).length,
    targetBytes: Buffer.byteLength(code),
  }
  if (!fits) return { ...row, outcome: 'too-long', candidates: [], chosen: -1 }

  const prefix = await view.ready()
  const context = contextText(input, steps, step, seen)
  const judge = (role: Candidate['role'], round: number, thought: Thought | null): Scored => {
    const segments = thoughtSegments(thought, step, renderer, input)
    const leak = thought === null ? null : measureLeak(thought.text, code, context, options.leak.ngramWords)
    const thoughtTokens = tokensOf(tokenizer, segments).length
    const unscored = { role, round, thought, thoughtTokens, score: null, leak, accepted: false }
    return { branch: branchOf(tokenizer, step.rendered, segments), candidate: { ...unscored, decision: 'baseline' } }
  }
  const start = await scoreAll(input, prefix, startCandidates(input, steps, step, judge))
  const candidates = start.map((one) => one.candidate)
  let chosen = candidates.findIndex((one) => one.accepted)
  for (let round = 1; round <= options.rounds; round++) {
    const best = candidates[chosen] as Candidate
    const from = best.thought ?? (step.thought as Thought)
    const seed = `${input.seed} ${input.trajectory.id} ${step.index} ${round}`
    const thoughts = await input.generator.rewrite(
      input.requestFor(step.episode, step.step),
      from,
      options.candidates,
      seed,
    )
    const gated = thoughts.map((thought) => gate(judge('candidate', round, thought), bestOf(best), options))
    const scored = await scoreAll(input, prefix, gated)
    const decided = decideRound(
      scored.map((one) => one.candidate),
      bestOf(best),
      leastGain(input.noise, options),
    )
    const winner = decided.findIndex((one) => one.accepted)
    if (winner >= 0) chosen = candidates.length + winner
    candidates.push(...decided)
  }
  return { ...row, outcome: 'searched', candidates, chosen }
}

interface Scored {
  branch: Branch
  candidate: Candidate
}

/** No thought, another file's thought, and the thought as written, which starts the search unless it leaks. */
function startCandidates(
  input: SearchInput,
  steps: readonly WalkedStep[],
  step: WalkedStep,
  judge: (role: Candidate['role'], round: number, thought: Thought | null) => Scored,
): Scored[] {
  const none = judge('none', 0, null)
  const other = otherThought(steps, step, input.options.maxThoughtTokens, input.tokenizer)
  const control = other === null ? [] : [judge('other', 0, other)].map((one) => withDecision(one, 'control', false))
  const first = judge('first', 0, step.thought)
  const unbounded: Best = { mean: 0, thoughtTokens: first.candidate.thoughtTokens }
  const stopped = gateBeforeScore(
    first.candidate.thoughtTokens,
    first.candidate.leak ?? { longestCommonChars: 0, containment: 0 },
    unbounded,
    input.options,
  )
  return [
    withDecision(none, 'baseline', stopped !== null),
    ...control,
    withDecision(first, stopped ?? 'start', stopped === null),
  ]
}

function gate(scored: Scored, best: Best, options: SearchOptions): Scored {
  const { candidate } = scored
  const stopped = gateBeforeScore(
    candidate.thoughtTokens,
    candidate.leak as NonNullable<Candidate['leak']>,
    best,
    options,
  )
  return withDecision(scored, stopped ?? 'no-gain', false)
}

function withDecision(scored: Scored, decision: Candidate['decision'], accepted: boolean): Scored {
  return { ...scored, candidate: { ...scored.candidate, decision, accepted } }
}

/** What no gate stopped gets its score; all in one call over the shared prefix. */
async function scoreAll(input: SearchInput, prefix: Prefix, list: readonly Scored[]): Promise<Scored[]> {
  const open = list.filter(({ candidate }) => candidate.decision !== 'leak' && candidate.decision !== 'too-long')
  if (open.length === 0) return [...list]
  const scores = await input.scorer.score(
    prefix,
    open.map((one) => one.branch),
    input.signal,
  )
  const byBranch = new Map(open.map((one, index) => [one.branch, scores[index]?.logProbs ?? new Float32Array()]))
  return list.map((one) => {
    const logProbs = byBranch.get(one.branch)
    if (logProbs === undefined) return one
    const sum = logProbs.reduce((total, value) => total + value, 0)
    return { ...one, candidate: { ...one.candidate, score: { sum, mean: sum / logProbs.length } } }
  })
}

function bestOf(candidate: Candidate): Best {
  return { mean: candidate.score?.mean ?? -Infinity, thoughtTokens: candidate.thoughtTokens }
}

/** The thought of the next file that has one and fits: a control that a real thought must beat. */
function otherThought(
  steps: readonly WalkedStep[],
  step: WalkedStep,
  maxTokens: number,
  tokenizer: Tokenizer,
): Thought | null {
  const around = [...steps.slice(step.index + 1), ...steps.slice(0, step.index)]
  const other = around.find(
    (one) =>
      one.leadsToCode && one.episode !== step.episode && tokenizer.encode(one.thought?.text ?? '').length < maxTokens,
  )
  return other?.thought ?? null
}

function contextText(
  input: SearchInput,
  steps: readonly WalkedStep[],
  step: WalkedStep,
  seen: SearchRow['view'],
): string {
  const header = headerParts(input.renderer.header(input.trajectory))[seen.header]
  const past = steps
    .slice(seen.firstStep, step.index)
    .map(({ rendered }) => textOf([...rendered.action, ...rendered.content, ...rendered.close]))
  return [textOf(header), ...past, textOf(step.rendered.action)].join('\n')
}

function stepOf(trajectory: Trajectory, step: WalkedStep): Step {
  return trajectory.episodes[step.episode]?.steps[step.step] as Step
}

function thoughtSegments(thought: Thought | null, step: WalkedStep, renderer: Renderer, input: SearchInput): Segment[] {
  return thought === null ? [] : renderer.step({ ...stepOf(input.trajectory, step), thought }, input.read).thought
}

function withThought(
  step: WalkedStep,
  renderer: Renderer,
  input: SearchInput,
  chosen: ReadonlyMap<number, Thought | null>,
) {
  const thought = chosen.get(step.index)
  return thought === undefined
    ? step.rendered
    : renderer.step({ ...stepOf(input.trajectory, step), thought }, input.read)
}

function withThoughts(
  trajectory: Trajectory,
  steps: readonly WalkedStep[],
  chosen: ReadonlyMap<number, Thought | null>,
): Trajectory {
  const byPosition = new Map(steps.map((step) => [`${step.episode} ${step.step}`, step.index]))
  const episodes = trajectory.episodes.map((episode, episodeIndex) => ({
    ...episode,
    steps: episode.steps.map((step, stepIndex) => {
      const thought = chosen.get(byPosition.get(`${episodeIndex} ${stepIndex}`) ?? -1)
      return thought === undefined ? step : { ...step, thought }
    }),
  }))
  return { ...trajectory, episodes }
}
