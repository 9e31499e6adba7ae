import { defaultMasks, type Masks } from './masks.js'
import { segmentMaker, withLineEnd } from './segment-maker.js'
import type { Segment } from './segment.js'

/**
 * A file of a repository as it stands: a line with its path, then its content. A model that sees code alone is trained
 * on this, and completes code in this context.
 */
export function codeFileSegments(path: string, text: string, masks: Masks = defaultMasks): Segment[] {
  const make = segmentMaker(masks)
  return [...make.text('action', `File: ${path}\n`), ...make.text('action', withLineEnd(text))]
}
