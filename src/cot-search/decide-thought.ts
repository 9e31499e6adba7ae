import type { Candidate, SearchRow, Thought } from '../records/index.js'
import { headerParts } from '../rendering/index.js'
import type { Branch, Prefix } from '../scoring/index.js'
import { gateBeforeScore, leastGain } from './gates.js'
import { measureLeak } from './leak.js'
import type { SearchOptions } from './options.js'
import { branchOf, textOf, thoughtSegments, tokensOf, type WalkedStep } from './prepare.js'
import type { PrefixWindow } from './prefix-window.js'
import type { SearchInput } from './search-input.js'
import type { Best } from './selectors/selector.js'
import { selectors } from './selectors/table.js'

/**
 * Scores and decides one thought behind the prefix of the window: start candidates, then rounds of rewrites of the best.
 *
 * @param view what the window shows, as the row records it
 * @param fits whether the longest branch that the options allow fits behind the prefix
 */
export async function decideThought(
  input: SearchInput,
  steps: readonly WalkedStep[],
  step: WalkedStep,
  window: PrefixWindow,
  view: SearchRow['view'],
  fits: boolean,
): Promise<SearchRow> {
  const { tokenizer, options } = input
  const code = textOf(step.rendered.content)
  const row = {
    trajectory: input.trajectory.id,
    episode: step.episode,
    step: step.step,
    path: step.path,
    view,
    targetTokens: tokensOf(tokenizer, step.rendered.content).length,
    targetBytes: Buffer.byteLength(code),
  }
  if (!fits) return { ...row, outcome: 'too-long', candidates: [], chosen: -1 }

  const prefix = await window.ready()
  const context = contextText(input, steps, step, view)
  const makeCandidate: MakeCandidate = (role, round, thought) => {
    const segments = thoughtSegments(input, step, thought)
    const leak = thought === null ? null : measureLeak(thought.text, code, context, options.leak.ngramWords)
    const thoughtTokens = tokensOf(tokenizer, segments).length
    const unscored = { role, round, thought, thoughtTokens, score: null, leak, accepted: false }
    return { branch: branchOf(tokenizer, step.rendered, segments), candidate: { ...unscored, decision: 'baseline' } }
  }
  const start = await scoreAll(input, prefix, startCandidates(input, steps, step, makeCandidate))
  const candidates = start.map(({ candidate }) => candidate)
  let chosen = candidates.findIndex(({ accepted }) => accepted)
  const asWritten = step.thought as Thought // a step that leads to code has one
  for (let round = 1; round <= options.rounds; round++) {
    const best = candidates[chosen] as Candidate
    const from = best.thought ?? asWritten
    const seed = `${input.seed} ${input.trajectory.id} ${step.index} ${round}`
    const request = input.requestFor(step.episode, step.step)
    const tried = new Set(candidates.flatMap(({ thought }) => thought?.text ?? []))
    const thoughts = await input.generator.rewrite(request, from, tried, options.candidates, seed)
    const gated = thoughts.map((thought) => gate(makeCandidate('candidate', round, thought), bestOf(best), options))
    const scored = await scoreAll(input, prefix, gated)
    const decided = selectors[options.selector](
      scored.map(({ candidate }) => candidate),
      bestOf(best),
      leastGain(input.noise, options),
    )
    const winner = decided.findIndex(({ accepted }) => accepted)
    if (winner >= 0) chosen = candidates.length + winner
    candidates.push(...decided)
  }
  return { ...row, outcome: 'searched', candidates, chosen }
}

/** A candidate and the branch that scores it. */
interface Scored {
  branch: Branch
  candidate: Candidate
}

type MakeCandidate = (role: Candidate['role'], round: number, thought: Thought | null) => Scored

/** No thought, another file's thought, and the thought as written. The search starts from the last unless it leaks. */
function startCandidates(
  input: SearchInput,
  steps: readonly WalkedStep[],
  step: WalkedStep,
  makeCandidate: MakeCandidate,
): Scored[] {
  const none = makeCandidate('none', 0, null)
  const other = otherThought(input, steps, step)
  const control = other === null ? [] : [withDecision(makeCandidate('other', 0, other), 'control', false)]
  const first = makeCandidate('first', 0, step.thought)
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

/** Scores the candidates that no gate stopped, in one call over the shared prefix. */
async function scoreAll(input: SearchInput, prefix: Prefix, list: readonly Scored[]): Promise<Scored[]> {
  const open = list.filter(({ candidate }) => candidate.decision !== 'leak' && candidate.decision !== 'too-long')
  if (open.length === 0) return [...list]
  const scores = await input.scorer.score(
    prefix,
    open.map(({ branch }) => branch),
    input.signal,
  )
  const byBranch = new Map(open.map(({ branch }, index) => [branch, scores[index]?.logProbs ?? new Float32Array()]))
  return list.map((scored) => {
    const logProbs = byBranch.get(scored.branch)
    if (logProbs === undefined) return scored
    const sum = logProbs.reduce((total, value) => total + value, 0)
    return { ...scored, candidate: { ...scored.candidate, score: { sum, mean: sum / logProbs.length } } }
  })
}

function bestOf(candidate: Candidate): Best {
  return { mean: candidate.score?.mean ?? -Infinity, thoughtTokens: candidate.thoughtTokens }
}

/** The next thought of another file that fits: a control that a real thought must beat. */
function otherThought(input: SearchInput, steps: readonly WalkedStep[], step: WalkedStep): Thought | null {
  const around = [...steps.slice(step.index + 1), ...steps.slice(0, step.index)]
  const fits = (thought: Thought | null): boolean =>
    tokensOf(input.tokenizer, thoughtSegments(input, step, thought)).length <= input.options.maxThoughtTokens
  const other = around.find(
    ({ leadsToCode, episode, thought }) => leadsToCode && episode !== step.episode && fits(thought),
  )
  return other?.thought ?? null
}

/** What the scorer sees before the code, but for thoughts: repeating it is no leak. */
function contextText(
  input: SearchInput,
  steps: readonly WalkedStep[],
  step: WalkedStep,
  view: SearchRow['view'],
): string {
  const header = headerParts(input.renderer.header(input.trajectory))[view.header]
  const past = steps
    .slice(view.firstStep, step.index)
    .map(({ rendered }) => textOf([...rendered.action, ...rendered.content, ...rendered.close]))
  return [textOf(header), ...past, textOf(step.rendered.action)].join('\n')
}
