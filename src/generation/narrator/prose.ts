import { sha256Hex } from '../../core/index.js'

// Lists, counts and sentences in English.

const numberWords = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']

export function countWord(count: number): string {
  return numberWords[count] ?? String(count)
}

/** `one other file`, `three other files`. */
export function countPhrase(count: number, singular: string, plural = `${singular}s`): string {
  return `${countWord(count)} ${count === 1 ? singular : plural}`
}

/** `a`, `a and b`, `a, b and c`; past `limit` items `a, b, c and four more`. */
export function joinList(items: readonly string[], limit = Infinity): string {
  if (items.length > limit) return `${items.slice(0, limit).join(', ')} and ${countWord(items.length - limit)} more`
  if (items.length <= 1) return items[0] ?? ''
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

/** A list of names in backticks. The backticks also keep the list from being a copy of the code. */
export function joinNames(names: readonly string[], limit = Infinity): string {
  return joinList(
    names.map((name) => `\`${name}\``),
    limit,
  )
}

/** Makes a sentence: a capital first and one full stop last. A file name or identifier at its head stays as it is. */
export function toSentence(text: string): string {
  const flat = text.trim()
  const head = /^[a-z]+(?=[\s,:]|$)/.test(flat) ? flat.charAt(0).toUpperCase() : flat.charAt(0)
  return head + flat.slice(1) + (/[.!?]$/.test(flat) ? '' : '.')
}

/** Picks one of several phrases with the same meaning; the same key always gives the same phrase. */
export function pickPhrase(key: string, phrases: readonly string[]): string {
  return phrases[Number.parseInt(sha256Hex(key).slice(0, 8), 16) % phrases.length] ?? ''
}
