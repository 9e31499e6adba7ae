import type { Part } from '../records/index.js'

/**
 * A piece of a rendered document. The rendered text is the segments joined; there is no other way to make it.
 *
 * Each segment is tokenized by itself. Where `special` is set, `text` is the name of one special token
 * (`<|eot_id|>`); everywhere else the text is data, and such a name in it is plain characters.
 */
export interface Segment extends Part {
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
  /** The code of a Write or Edit, drafts included; empty for a tool that writes nothing. */
  content: Segment[]
  /** The end of the turn, and the observation of a tool that shows something. */
  close: Segment[]
}

/** All segments of a step, in order. */
export function flatStep({ open, thought, action, content, close }: RenderedStep): Segment[] {
  return [...open, ...thought, ...action, ...content, ...close]
}
