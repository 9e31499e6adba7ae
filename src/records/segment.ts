import type { BlobSpan } from './span.js'
import type { Step, Trajectory } from './trajectory.js'

export type SegmentOrigin = 'template' | 'requirement' | 'plan' | 'thought' | 'action' | 'observation' | 'draft'

/**
 * A piece of a rendered trajectory. The rendered text is the segments joined; there is no other way to make it.
 *
 * Each segment is tokenized by itself. Where `special` is set, `text` is the name of one special token
 * (`<|eot_id|>`); everywhere else the text is data, and such a name in it is plain characters.
 */
export interface Segment {
  text: string
  origin: SegmentOrigin
  trainable: boolean
  special: boolean
}

/**
 * A step in the parts that the search needs apart.
 *
 * The document has `open thought action content close`. The search puts `open` into the prefix, makes a branch of
 * `thought action content` with `content` scored, and commits `close` after the branch that won.
 */
export interface RenderedStep {
  open: Segment[]
  thought: Segment[]
  action: Segment[]
  /** The code of a Write or Edit, a draft among them; empty for a Read or a Check. */
  content: Segment[]
  /** The end of the turn, and for a Read or a Check the observation. */
  close: Segment[]
}

/** Gives the text of repository content; the only way from a span to characters. */
export type SpanReader = (span: BlobSpan) => string

/** Turns a trajectory into segments. `packing` has the renderers; the pipeline hands one to whoever scores or packs. */
export interface Renderer {
  readonly name: string
  /** Requirements and plan: what stands before the first step, and what a continued piece repeats. */
  header(trajectory: Trajectory): Segment[]
  step(step: Step, read: SpanReader): RenderedStep
  /** What closes the document. */
  end(): Segment[]
}
