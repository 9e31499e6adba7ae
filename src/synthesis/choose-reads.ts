import type { FileRecord, OutlineItem } from '../records/index.js'
import { lineEnd, lineStart, type Part } from './split-file.js'

/**
 * The bytes of a written file that somebody who takes `names` from it looks at: all of a short file, else whole lines
 * around the first declarations of those names, else its head.
 */
export function chooseRead(file: FileRecord, bytes: Uint8Array, names: readonly string[], maxReadBytes: number): Part {
  if (bytes.length <= maxReadBytes) return { start: 0, end: bytes.length }
  const declared = declarationsOf(file.outline, new Set(names))
  const first = declared[0]
  if (first === undefined) return { start: 0, end: lastLineEnd(bytes, 0, maxReadBytes) }
  const start = lineStart(bytes, first.start)
  let end = lineEnd(bytes, Math.max(first.end - 1, start))
  for (const item of declared) {
    if (item.end - start <= maxReadBytes) end = Math.max(end, lineEnd(bytes, item.end - 1))
  }
  return { start, end: end - start <= maxReadBytes ? end : lastLineEnd(bytes, start, maxReadBytes) }
}

/** Written dependencies in the order in which to read them: those that give most names first, then by path. */
export function byWeight<Import extends { path: string; names: readonly string[] }>(
  imports: readonly Import[],
): Import[] {
  return [...imports].sort((a, b) => b.names.length - a.names.length || (a.path < b.path ? -1 : 1))
}

function declarationsOf(outline: readonly OutlineItem[], names: ReadonlySet<string>): OutlineItem[] {
  return outline.filter((item) => names.has(item.name))
}

/** The end of the last whole line that fits, or a place inside the first line, between characters, where none does. */
function lastLineEnd(bytes: Uint8Array, start: number, maxBytes: number): number {
  let limit = start + maxBytes
  if (limit >= bytes.length) return bytes.length
  const whole = bytes.lastIndexOf(0x0a, limit - 1) + 1
  if (whole > start) return whole
  while (((bytes[limit] as number) & 0xc0) === 0x80) limit--
  return limit
}
