import type { SearchRow, Thought, Trajectory } from '../records/index.js'
import { headerParts } from '../rendering/index.js'
import { decideThought } from './decide-thought.js'
import { branchOf, renderedWith, stepTokens, thoughtSegments, tokensOf, walkSteps, type WalkedStep } from './prepare.js'
import {
  chooseHeader,
  joinTokens,
  PrefixWindow,
  windowStart,
  type HeaderMode,
  type HeaderTokens,
} from './prefix-window.js'
import type { SearchInput } from './search-input.js'

/**
 * Looks for better thoughts: for each thought that leads to code, rewrites of the best so far, kept where the true
 * code becomes more likely under them and every gate passes.
 *
 * @returns the trajectory with the thoughts that won, and every row
 */
export async function searchTrajectory(input: SearchInput): Promise<{ trajectory: Trajectory; rows: SearchRow[] }> {
  const window = new PrefixWindow(input.scorer)
  try {
    return await walk(input, window)
  } finally {
    window.close()
  }
}

async function walk(input: SearchInput, window: PrefixWindow): Promise<{ trajectory: Trajectory; rows: SearchRow[] }> {
  const { trajectory, tokenizer, renderer, options } = input
  const context = input.scorer.model.contextLength
  const steps = walkSteps(trajectory, renderer, input.read)
  const { mode, header } = headerFor(input)
  window.jump(header, 0)

  const rows: SearchRow[] = []
  const chosen = new Map<number, Thought | null>()
  const lengths: number[] = []
  let waiting: Uint32Array[] = [] // tokens between the prefix and the next branch
  for (const step of steps) {
    input.signal?.throwIfAborted()

    // A step without a searched thought only becomes prefix of the next step.
    if (!step.leadsToCode) {
      const tokens = stepTokens(tokenizer, step.rendered)
      waiting.push(tokens)
      lengths.push(tokens.length)
      continue
    }

    // Room for the longest branch, or the window moves.
    const open = tokensOf(tokenizer, step.rendered.open)
    const needed = open.length + options.maxThoughtTokens + branchOf(tokenizer, step.rendered, []).tokens.length
    if (window.length + joinTokens(waiting).length + needed > context) {
      const first = windowStart(lengths, header.length, needed, context)
      const past = steps
        .slice(first, step.index)
        .map((before) => stepTokens(tokenizer, renderedWith(input, before, chosen)))
      window.jump(joinTokens([header, ...past]), first)
      waiting = []
    }
    const fits = window.length + joinTokens(waiting).length + needed <= context
    window.extend({ tokens: joinTokens([...waiting, open]), scored: [] })

    // Decide, or take over what an earlier run decided.
    const view = { header: mode, firstStep: window.firstStep, prefixTokens: window.length }
    const row = input.decided[rows.length] ?? (await decideThought(input, steps, step, window, view, fits))
    if (rows.length >= input.decided.length) input.onRow(row)
    rows.push(row)

    // The step becomes prefix with the thought that it keeps. A step that is too long for the scorer is left out.
    const thought = row.outcome === 'too-long' ? step.thought : (row.candidates[row.chosen]?.thought ?? null)
    chosen.set(step.index, thought)
    const branch = branchOf(tokenizer, step.rendered, thoughtSegments(input, step, thought))
    const close = tokensOf(tokenizer, step.rendered.close)
    lengths.push(open.length + branch.tokens.length + close.length)
    if (row.outcome === 'too-long') window.jump(header, step.index + 1)
    else window.extend(branch)
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
