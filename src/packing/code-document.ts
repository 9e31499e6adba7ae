import type { SpanReader } from '../core/index.js'
import type { RepositorySnapshot } from '../records/index.js'
import { codeFileSegments, createRenderer, type Segment } from '../rendering/index.js'
import { tokenizeDocument, type SegmentEncoder, type TokenizedDocument } from './document.js'
import type { PackingOptions } from './options.js'

/** A repository and the mixture component that it belongs to. */
export interface CodeDocument {
  snapshot: Pick<RepositorySnapshot, 'id' | 'files' | 'order'>
  domain: string
}

/** What a manifest names in the place of a renderer: the rows of bare code are the same for every renderer. */
export const codeRenderer = { name: 'code' }

/** Characters after which a cut is looked for, and after which any line end is taken. */
const [leastPiece, mostPiece] = [1024, 4096]

/**
 * The files of a repository, one after the other in the order in which they are to be written, between what opens and
 * ends a document. Where a row is too short the document is cut between files and, in long files, between lines; only
 * the opening token is repeated.
 */
export function tokenizeRepository(
  { snapshot: { id, files, order }, domain }: CodeDocument,
  { renderer, masks }: Pick<PackingOptions, 'renderer' | 'masks'>,
  read: SpanReader,
  encoder: SegmentEncoder,
): TokenizedDocument {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const steps = order.flatMap((path) => {
    const file = byPath.get(path)
    if (file === undefined) return []
    const [line, ...content] = codeFileSegments(path, read({ blob: file.blob, start: 0, end: file.sizeBytes }), masks)
    return line === undefined ? [] : stepsOfFile(line, content)
  })
  const borders = createRenderer(renderer, masks)
  return tokenizeDocument({ id, domain, header: borders.opening(), steps, end: borders.end() }, encoder)
}

/** The line with the path stays with the beginning of the content. */
function stepsOfFile(line: Segment, content: readonly Segment[]): Segment[][] {
  const [first, ...rest] = content.flatMap((segment) =>
    cutAtLines(segment.text).map((text): Segment => ({ ...segment, text })),
  )
  return [first === undefined ? [line] : [line, first], ...rest.map((segment) => [segment])]
}

/**
 * Cuts a text into pieces of one to four KiB that end with a line; a longer line stays whole.
 *
 * Each piece is tokenized by itself. Before a line that begins with a character that is not white space this gives the
 * tokens of the whole text, so such a line is preferred.
 */
export function cutAtLines(text: string): string[] {
  const pieces: string[] = []
  let start = 0
  for (let end = lineEnd(text, leastPiece - 1); end < text.length; end = lineEnd(text, end)) {
    const length = end - start
    if (length < leastPiece) continue
    if (length < mostPiece && /^[\s\u0085]/u.test(text.slice(end, end + 1))) continue
    pieces.push(text.slice(start, end))
    start = end
  }
  if (start < text.length) pieces.push(text.slice(start))
  return pieces
}

/** The index after the next line end at or after `from`. */
function lineEnd(text: string, from: number): number {
  const found = text.indexOf('\n', from)
  return found < 0 ? text.length : found + 1
}
