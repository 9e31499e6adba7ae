import type { SpanReader } from '../core/index.js'
import type { Step, Thought, Trajectory } from '../records/index.js'
import { flatStep, type RenderedStep, type Renderer, type Segment } from '../rendering/index.js'
import type { Branch } from '../scoring/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import { joinTokens } from './prefix-window.js'

/** A step as the search walks over it. */
export interface WalkedStep {
  /** Counted over all steps of the trajectory. */
  index: number
  episode: number
  step: number
  path: string
  thought: Thought | null
  /** Whether its thought leads to true code: only such thoughts are searched. */
  leadsToCode: boolean
  rendered: RenderedStep
}

/** All steps of a trajectory in order, rendered. */
export function walkSteps(trajectory: Trajectory, renderer: Renderer, read: SpanReader): WalkedStep[] {
  const walked: WalkedStep[] = []
  trajectory.episodes.forEach((episode, episodeIndex) => {
    episode.steps.forEach((step, stepIndex) => {
      const rendered = renderer.step(step, read)
      const hasCode = rendered.content.some((segment) => segment.text !== '' && segment.origin !== 'draft')
      walked.push({
        index: walked.length,
        episode: episodeIndex,
        step: stepIndex,
        path: episode.path,
        thought: step.thought,
        leadsToCode: step.thought !== null && hasCode,
        rendered,
      })
    })
  })
  return walked
}

/** Tokens of segments, each tokenized by itself and joined: the same ids that packing writes. */
export function tokensOf(tokenizer: Tokenizer, segments: readonly Segment[]): Uint32Array {
  return joinTokens(tokenizer.encodeSegments(segments))
}

export function stepTokens(tokenizer: Tokenizer, rendered: RenderedStep): Uint32Array {
  return tokensOf(tokenizer, flatStep(rendered))
}

/** The branch of a step with a thought: thought, action and code, with the code scored. */
export function branchOf(tokenizer: Tokenizer, rendered: RenderedStep, thought: readonly Segment[]): Branch {
  const context = tokensOf(tokenizer, [...thought, ...rendered.action])
  const content = tokensOf(tokenizer, rendered.content)
  const tokens = joinTokens([context, content])
  return { tokens, scored: [{ start: context.length, end: tokens.length }] }
}

export function textOf(segments: readonly Segment[]): string {
  return segments.map((segment) => segment.text).join('')
}

interface Rendering {
  trajectory: Trajectory
  renderer: Renderer
  read: SpanReader
}

/** The segments of a thought where it stands in this step. */
export function thoughtSegments(rendering: Rendering, step: WalkedStep, thought: Thought | null): Segment[] {
  return thought === null ? [] : renderAgain(rendering, step, thought).thought
}

/** A step with the thought that was chosen for it, or as it was where no thought was chosen yet. */
export function renderedWith(
  rendering: Rendering,
  step: WalkedStep,
  chosen: ReadonlyMap<number, Thought | null>,
): RenderedStep {
  const thought = chosen.get(step.index)
  return thought === undefined ? step.rendered : renderAgain(rendering, step, thought)
}

function renderAgain(
  { trajectory, renderer, read }: Rendering,
  { episode, step }: WalkedStep,
  thought: Thought | null,
): RenderedStep {
  const original = trajectory.episodes[episode]?.steps[step] as Step
  return renderer.step({ ...original, thought }, read)
}
