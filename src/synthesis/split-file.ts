import type { FileRecord, OutlineItem } from '../records/index.js'

/** Bytes `[start, end)`. */
export interface Part {
  start: number
  end: number
}

/**
 * Cuts a file into the parts that one action each writes.
 *
 * Cuts stand at line starts where a declaration (or a member of a long one) begins, and each part is as long as the
 * limit allows, give or take a crumb; a single declaration longer than the limit stays whole. The parts cover the file without gap or overlap.
 */
export function splitFile(file: FileRecord, bytes: Uint8Array, maxActionBytes: number): Part[] {
  if (bytes.length <= maxActionBytes) return [{ start: 0, end: bytes.length }]
  const cuts = cutPoints(file.outline, bytes, maxActionBytes)
  const parts: Part[] = []
  let start = 0
  let lastCut = 0
  for (const cut of [...cuts, bytes.length]) {
    if (cut - start > maxActionBytes && lastCut > start) {
      parts.push({ start, end: lastCut })
      start = lastCut
    }
    lastCut = cut
  }
  parts.push({ start, end: bytes.length })
  return joinCrumbs(parts, maxActionBytes / 8)
}

/** Puts a part too short to be worth an action to the one before it, or to the next where it is the first. */
function joinCrumbs(parts: readonly Part[], minBytes: number): Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    const isCrumb = part.end - part.start < minBytes
    if (last !== undefined && (isCrumb || last.end - last.start < minBytes)) last.end = part.end
    else joined.push({ ...part })
  }
  return joined
}

function cutPoints(outline: readonly OutlineItem[], bytes: Uint8Array, maxActionBytes: number): number[] {
  const points = outline.flatMap((item) => {
    const inner = item.end - item.start > maxActionBytes ? cutPoints(item.children, bytes, maxActionBytes) : []
    return [lineStart(bytes, item.start), ...inner]
  })
  return [...new Set(points)].filter((point) => point > 0).sort((a, b) => a - b)
}

/** The start of the line in which byte `at` stands. */
export function lineStart(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : bytes.lastIndexOf(0x0a, at - 1) + 1
}

/** The byte after the end of the line in which byte `at` stands. */
export function lineEnd(bytes: Uint8Array, at: number): number {
  const next = bytes.indexOf(0x0a, at)
  return next < 0 ? bytes.length : next + 1
}
