import type { Segment } from './segment.js'

/** What may stand at the head where the whole header has no room: requirements and plan, requirements, or the opening token. */
export interface HeaderParts {
  whole: readonly Segment[]
  requirements: readonly Segment[]
  none: readonly Segment[]
}

/** Cuts a header behind its requirements and the special token that closes them, and behind its first special token. */
export function headerParts(header: readonly Segment[]): HeaderParts {
  const last = header.findLastIndex((segment) => segment.origin === 'requirement')
  const end = header[last + 1]?.special === true ? last + 2 : last + 1
  const opening = header[0]?.special === true ? 1 : 0
  return { whole: header, requirements: header.slice(0, Math.max(end, opening)), none: header.slice(0, opening) }
}
