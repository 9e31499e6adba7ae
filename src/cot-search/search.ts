import type { Generator, ThoughtRequest } from '../generation/index.js'
import {
  headerParts,
  type Renderer,
  type SearchRow,
  type SpanReader,
  type Thought,
  type Trajectory,
} from '../records/index.js'
import type { Scorer } from '../scoring/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import { decideThought } from './decide-thought.js'
import type { SearchOptions } from './options.js'
import { branchOf, renderedWith, stepTokens, thoughtSegments, tokensOf, walkSteps, type WalkedStep } from './prepare.js'
import { chooseHeader, joinTokens, View, windowStart, type HeaderMode, type HeaderTokens } from './view.js'

export interface SearchInput {
  trajectory: Trajectory
  /** What a step's thought may be made of. */
  requestFor(episode: number, step: number): ThoughtRequest
  read: SpanReader
  generator: Pick<Generator, 'rewrite'>
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
  const view = new View(input.scorer)
  try {
    return await walk(input, view)
  } finally {
    view.close()
  }
}

async function walk(input: SearchInput, view: View): Promise<{ trajectory: Trajectory; rows: SearchRow[] }> {
  const { trajectory, tokenizer, renderer, options } = input
  const context = input.scorer.model.contextLength
  const steps = walkSteps(trajectory, renderer, input.read)
  const { mode, header } = headerFor(input)
  view.jump(header, 0)

  const rows: SearchRow[] = []
  const chosen = new Map<number, Thought | null>()
  const lengths: number[] = []
  let waiting: Uint32Array[] = [] // what stands between the prefix and the next branch
  for (const step of steps) {
    input.signal?.throwIfAborted()

    // A step without a searched thought only becomes part of what stands before the next one.
    if (!step.leadsToCode) {
      const tokens = stepTokens(tokenizer, step.rendered)
      waiting.push(tokens)
      lengths.push(tokens.length)
      continue
    }

    // Room for the longest branch, or the window moves.
    const open = tokensOf(tokenizer, step.rendered.open)
    const needed = open.length + options.maxThoughtTokens + branchOf(tokenizer, step.rendered, []).tokens.length
    if (view.length + joinTokens(waiting).length + needed > context) {
      const first = windowStart(lengths, header.length, needed, context)
      const past = steps.slice(first, step.index).map((one) => stepTokens(tokenizer, renderedWith(input, one, chosen)))
      view.jump(joinTokens([header, ...past]), first)
      waiting = []
    }
    const fits = view.length + joinTokens(waiting).length + needed <= context
    view.extend({ tokens: joinTokens([...waiting, open]), scored: [] })

    // Decide, or take over what an earlier run decided.
    const seen = { header: mode, firstStep: view.firstStep, prefixTokens: view.length }
    const row = input.decided[rows.length] ?? (await decideThought(input, steps, step, view, seen, fits))
    if (rows.length >= input.decided.length) input.onRow(row)
    rows.push(row)

    // The step, with the thought that it keeps, becomes prefix; one that is too long for the scorer is left behind.
    const thought = row.outcome === 'too-long' ? step.thought : (row.candidates[row.chosen]?.thought ?? null)
    chosen.set(step.index, thought)
    const branch = branchOf(tokenizer, step.rendered, thoughtSegments(input, step, thought))
    const close = tokensOf(tokenizer, step.rendered.close)
    lengths.push(open.length + branch.tokens.length + close.length)
    if (row.outcome === 'too-long') view.jump(header, step.index + 1)
    else view.extend(branch)
    waiting = row.outcome === 'too-long' ? [] : [close]
  }
  return { trajectory: withThoughts(trajectory, steps, chosen), rows }
}

function headerFor({ trajectory, tokenizer, renderer, scorer, options }: SearchInput): {
  mode: HeaderMode
  header: Uint32Array
} {
  const parts = headerParts(renderer.header(trajectory))
  const tokens: HeaderTokens = {
    whole: tokensOf(tokenizer, parts.whole),
    requirements: tokensOf(tokenizer, parts.requirements),
    none: tokensOf(tokenizer, parts.none),
  }
  const mode = chooseHeader(tokens, scorer.model.contextLength, options.maxHeaderShare)
  return { mode, header: tokens[mode] }
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
