const maxDocChars = 600
/** How much of a text the patterns read for a doc or signature: far more than is shown, and a bound on their time. */
const maxReadChars = 8_000

/** White space folded to single spaces. */
export const fold = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Whether the folded text has at most `maxChars` characters; of a long text only the beginning is folded first. */
export function foldsWithin(text: string, maxChars: number): boolean {
  if (text.length <= maxChars) return true
  const beginning = fold(text.slice(0, 2 * maxChars))
  return beginning.length <= maxChars && fold(text).length <= maxChars
}

/** Cut at a word, with an ellipsis. */
export function cutAt(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const cut = text.slice(0, maxChars - 1)
  const space = cut.lastIndexOf(' ')
  return `${(space > maxChars / 2 ? cut.slice(0, space) : dropHalfPair(cut)).trimEnd()}…`
}

const dropHalfPair = (text: string): string => text.replace(/[\ud800-\udbff]$/, '')

/** As much of a text as patterns may read. */
export const beginningOf = (text: string): string =>
  text.length <= maxReadChars ? text : dropHalfPair(text.slice(0, maxReadChars))

/** Cut at the end of a sentence if one ends there, else at a word. */
export function cutAtSentence(text: string, maxChars = maxDocChars): string {
  if (text.length <= maxChars) return text
  const end = text.slice(0, maxChars).search(/[.!?](?=\s[^.!?]*$)/)
  return end > maxChars / 4 ? text.slice(0, end + 1) : cutAt(text, maxChars)
}
