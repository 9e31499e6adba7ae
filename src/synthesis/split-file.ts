import type { FileRecord, OutlineItem } from '../records/index.js'

/** Bytes `[start, end)`. */
export interface Part {
  start: number
  end: number
}

/**
 * Cuts a file into parts; each is written by one action.
 *
 * It cuts at the start of lines where a declaration, or a member of a long declaration, begins. Each part is as long as
 * the limit allows, and may be longer by a short part that is joined to it; a single declaration longer than the limit
 * stays whole. The parts cover the file without gap or overlap.
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
  return joinShortParts(parts, maxActionBytes / 8)
}

/** Joins a part that is too short for an action of its own to the part before it, or to the next if it is the first. */
function joinShortParts(parts: readonly Part[], minBytes: number): Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    const isShort = part.end - part.start < minBytes
    if (last !== undefined && (isShort || last.end - last.start < minBytes)) last.end = part.end
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

/** The start of the line that contains byte `at`. */
export function lineStart(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : bytes.lastIndexOf(0x0a, at - 1) + 1
}

/** The end of the line that contains byte `at`, its line feed included. */
export function lineEnd(bytes: Uint8Array, at: number): number {
  const next = bytes.indexOf(0x0a, at)
  return next < 0 ? bytes.length : next + 1
}
