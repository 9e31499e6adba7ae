import type { FileRecord, OutlineItem } from '../records/index.js'
import { lineEnd, lineStart, type Part } from './split-file.js'

/**
 * The bytes of a written file that a Read shows to an agent that imports `names` from it: all of a short file, otherwise
 * whole lines around the first declarations of those names, otherwise the first lines.
 */
export function chooseRead(file: FileRecord, bytes: Uint8Array, names: readonly string[], maxReadBytes: number): Part {
  if (bytes.length <= maxReadBytes) return { start: 0, end: bytes.length }
  const declarations = declarationsOf(file.outline, new Set(names))
  const first = declarations[0]
  if (first === undefined) return { start: 0, end: lastLineEnd(bytes, 0, maxReadBytes) }
  const start = lineStart(bytes, first.start)
  let end = lineEnd(bytes, Math.max(first.end - 1, start))
  for (const item of declarations) {
    if (item.end - start <= maxReadBytes) end = Math.max(end, lineEnd(bytes, item.end - 1))
  }
  return { start, end: end - start <= maxReadBytes ? end : lastLineEnd(bytes, start, maxReadBytes) }
}

/** Imports in the order in which to read their files: most names first, then by path. */
export function byNameCount<Import extends { path: string; names: readonly string[] }>(
  imports: readonly Import[],
): Import[] {
  return [...imports].sort((a, b) => b.names.length - a.names.length || (a.path < b.path ? -1 : 1))
}

function declarationsOf(outline: readonly OutlineItem[], names: ReadonlySet<string>): OutlineItem[] {
  return outline.filter((item) => names.has(item.name))
}

/** The end of the last whole line that fits; if none fits, a place between two characters of the first line. */
function lastLineEnd(bytes: Uint8Array, start: number, maxBytes: number): number {
  let limit = start + maxBytes
  if (limit >= bytes.length) return bytes.length
  const wholeLinesEnd = bytes.lastIndexOf(0x0a, limit - 1) + 1
  if (wholeLinesEnd > start) return wholeLinesEnd
  while (((bytes[limit] as number) & 0xc0) === 0x80) limit--
  return limit
}
