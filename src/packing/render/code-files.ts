import type { Segment } from '../../records/index.js'
import { defaultMasks, type Masks } from '../masks.js'
import { segmentMaker, withLineEnd } from './segment-maker.js'

/**
 * A file of a repository as it stands, without the process behind it: a line with its path, then its content. What a
 * model is trained on that sees code alone, and the context in which it completes code.
 */
export function codeFileSegments(path: string, text: string, masks: Masks = defaultMasks): Segment[] {
  const make = segmentMaker(masks)
  return [...make.text('action', `File: ${path}\n`), ...make.text('action', withLineEnd(text))]
}
