import type { SyntaxNode } from '../../grounding/index.js'
import type { Source } from './source.js'

/** A problem that a check found, and its 1-based line. */
export interface Problem {
  line: number
  text: string
}

export const problemAt = (source: Source, node: SyntaxNode, text: string): Problem => ({
  line: source.lineOf(node.start),
  text,
})

const maxShownChars = 60

/** Code of a file for a message: in one line, in quotes, and not too long. */
export function quoteSnippet(text: string): string {
  const flat = text
    .slice(0, maxShownChars * 2)
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '?')
    .trim()
  return `'${flat.length > maxShownChars ? `${flat.slice(0, maxShownChars - 1)}…` : flat}'`
}

/** `1 argument`, `2 arguments`. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
