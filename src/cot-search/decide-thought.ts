import { headerParts, type Candidate, type SearchRow, type Thought } from '../records/index.js'
import type { Branch, Prefix } from '../scoring/index.js'
import { decideRound, gateBeforeScore, leastGain, type Best } from './gates.js'
import { measureLeak } from './leak.js'
import type { SearchOptions } from './options.js'
import { branchOf, textOf, thoughtSegments, tokensOf, type WalkedStep } from './prepare.js'
import type { SearchInput } from './search.js'
import type { View } from './view.js'

/**
 * Scores and decides one thought behind what the view shows: start candidates, then rounds of rewrites of the best.
 *
 * @param fits whether the longest branch that the options allow fits behind the prefix
 */
export async function decideThought(
  input: SearchInput,
  steps: readonly WalkedStep[],
  step: WalkedStep,
  view: View,
  seen: SearchRow['view'],
  fits: boolean,
): Promise<SearchRow> {
  const { tokenizer, options } = input
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
    const segments = thoughtSegments(input, step, thought)
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
    const request = input.requestFor(step.episode, step.step)
    const tried = new Set(candidates.flatMap((one) => one.thought?.text ?? []))
    const thoughts = await input.generator.rewrite(request, from, tried, options.candidates, seed)
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
  const other = otherThought(input, steps, step)
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
function otherThought(input: SearchInput, steps: readonly WalkedStep[], step: WalkedStep): Thought | null {
  const around = [...steps.slice(step.index + 1), ...steps.slice(0, step.index)]
  const fits = (thought: Thought | null): boolean =>
    tokensOf(input.tokenizer, thoughtSegments(input, step, thought)).length <= input.options.maxThoughtTokens
  const other = around.find((one) => one.leadsToCode && one.episode !== step.episode && fits(one.thought))
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
