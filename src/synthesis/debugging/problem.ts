import type { SyntaxNode } from '../../grounding/index.js'
import type { Source } from './source.js'

/** One thing that is wrong, and the 1-based line in which it is. */
export interface Problem {
  line: number
  text: string
}

export const problemAt = (source: Source, node: SyntaxNode, text: string): Problem => ({
  line: source.lineOf(node.start),
  text,
})

const maxShownChars = 60

/** A piece of a file in a message: one line, in quotes, not too long. */
export function shown(text: string): string {
  const flat = text
    .slice(0, maxShownChars * 2)
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '?')
    .trim()
  return `'${flat.length > maxShownChars ? `${flat.slice(0, maxShownChars - 1)}…` : flat}'`
}

/** `1 argument`, `2 arguments`. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
