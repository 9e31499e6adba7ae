import type { Part } from '../records/index.js'
import type { Masks } from './masks.js'
import type { Segment } from './segment.js'

/** Makes the segments of one renderer, so that no renderer decides by itself what is trained. */
export interface SegmentMaker {
  /** Data or prose as plain characters; no segment at all where the text is empty. */
  text(origin: Part['origin'], text: string): Segment[]
  /** A special token that belongs to the template. */
  special(name: string): Segment
  /** What opens or closes an action: template, but trained. */
  actionBorder(text: string, special: boolean): Segment
}

export function segmentMaker(masks: Masks): SegmentMaker {
  return {
    text: (origin, text) => (text === '' ? [] : [{ text, origin, trainable: masks[origin], special: false }]),
    special: (name) => ({ text: name, origin: 'template', trainable: masks.template, special: true }),
    actionBorder: (text, special) => ({ text, origin: 'template', trainable: masks.actionBorder, special }),
  }
}

/** The text with a line end at its end, where it has none. */
export function withLineEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
