import type { SpanReader } from '../core/index.js'
import type { Conversation, Trajectory } from '../records/index.js'
import { flatStep, headerParts, isActing, type Renderer, type Segment } from '../rendering/index.js'
import type { Tokenizer } from '../tokenizer/index.js'

/** What packing needs of a tokenizer. */
export type SegmentEncoder = Pick<Tokenizer, 'encode' | 'special'>

/** Tokens in order, and for each whether it is a target of the loss (1) or not (0). */
export interface TokenRun {
  ids: Int32Array
  trained: Uint8Array
}

/** A trajectory or a conversation in tokens, in the parts between which it may be cut. */
export interface TokenizedDocument {
  id: string
  domain: string
  /** Requirements and plan. */
  header: TokenRun
  /** What a continued piece may begin with, the longest first: the header, the requirements, the opening token. */
  heads: TokenRun[]
  /** One run per step; the end of the document belongs to the last. */
  steps: TokenRun[]
  /** Borders between segments at which tokenizing the joined text could give other ids. */
  irregularBorders: number
}

/** A document in segments, in the parts between which it may be cut. */
interface RenderedDocument {
  id: string
  domain: string
  header: Segment[]
  steps: Segment[][]
  end: Segment[]
}

/** Renders a trajectory and tokenizes each segment by itself: these ids are what the search scored. */
export function tokenizeTrajectory(
  trajectory: Trajectory,
  renderer: Renderer,
  read: SpanReader,
  encoder: SegmentEncoder,
): TokenizedDocument {
  const { id, domain } = trajectory
  const header = renderer.header(trajectory)
  const steps = trajectory.episodes.flatMap((episode) => episode.steps)
  const rendered = steps.map((step) => flatStep(renderer.step(step, read)))
  return tokenizeDocument({ id, domain, header, steps: rendered, end: renderer.end() }, encoder)
}

/** The same for a conversation: its header ends where an agent first acts, and each turn in which it acts begins a step. */
export function tokenizeConversation(
  { id, domain, turns }: Conversation,
  renderer: Renderer,
  encoder: SegmentEncoder,
): TokenizedDocument {
  const header = renderer.opening()
  const steps: Segment[][] = []
  for (const turn of turns) {
    if (isActing(turn)) steps.push([])
    const current = steps.at(-1) ?? header
    current.push(...renderer.turn(turn))
  }
  return tokenizeDocument({ id, domain, header, steps, end: renderer.end() }, encoder)
}

/** Tokenizes each segment of a document by itself; its end belongs to the last step. */
export function tokenizeDocument(
  { id, domain, header, steps, end }: RenderedDocument,
  encoder: SegmentEncoder,
): TokenizedDocument {
  const ended = [...steps.slice(0, -1), [...(steps.at(-1) ?? []), ...end]]
  const { whole, requirements, none } = headerParts(header)
  return {
    id,
    domain,
    header: tokenizeSegments(header, encoder),
    heads: [whole, requirements, none].map((segments) => tokenizeSegments(segments, encoder)),
    steps: ended.map((segments) => tokenizeSegments(segments, encoder)),
    irregularBorders: countIrregularBorders([...header, ...ended.flat()]),
  }
}

/** The ids of segments, each tokenized by itself, joined. */
function tokenizeSegments(segments: readonly Segment[], encoder: SegmentEncoder): TokenRun {
  return joinRuns(
    segments.map((segment) => {
      const ids = segment.special ? [encoder.special(segment.text)] : encoder.encode(segment.text)
      return { ids: Int32Array.from(ids), trained: new Uint8Array(ids.length).fill(segment.trainable ? 1 : 0) }
    }),
  )
}

export function joinRuns(runs: readonly TokenRun[]): TokenRun {
  const length = runs.reduce((sum, run) => sum + run.ids.length, 0)
  const joined = { ids: new Int32Array(length), trained: new Uint8Array(length) }
  let at = 0
  for (const run of runs) {
    joined.ids.set(run.ids, at)
    joined.trained.set(run.trained, at)
    at += run.ids.length
  }
  return joined
}

/**
 * Counts borders that are neither beside a special token nor at a line end before a character that is not white space.
 *
 * White space is the union of what JavaScript and Unicode define: tokenizers follow one of the two.
 */
export function countIrregularBorders(segments: readonly Segment[]): number {
  const filled = segments.filter((segment) => segment.text !== '')
  let irregular = 0
  for (let i = 1; i < filled.length; i++) {
    const [left, right] = [filled[i - 1] as Segment, filled[i] as Segment]
    if (left.special || right.special) continue
    if (!left.text.endsWith('\n') || /^[\s\u0085]/u.test(right.text)) irregular++
  }
  return irregular
}
