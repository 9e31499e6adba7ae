/** A fact with several versions of different length. */
export interface ShrinkableFact {
  /** Its part of the space, relative to the shares of the other facts. */
  share: number
  /** The longest version first, the shortest last. */
  versions: readonly (() => string)[]
}

export type Facts = Readonly<Record<string, string | ShrinkableFact>>

/**
 * Chooses a version of each fact so that all facts together take at most `room` characters.
 *
 * Each fact is guaranteed its share of the room, as far as it needs it. What is left over goes to the first facts. If
 * even the shortest version of a fact is too long, whole lines at its end are left out.
 */
export function fitFacts(facts: Facts, room: number): Record<string, string> {
  const shares = Object.values(facts).reduce((sum, fact) => sum + (typeof fact === 'string' ? 0 : fact.share), 0)
  const wholes = Object.entries(facts).map(([name, fact]) => {
    if (typeof fact === 'string') return { name, whole: fact, shorter: [], guaranteed: 0 }
    const whole = fact.versions[0]?.() ?? ''
    const guaranteed = Math.min(whole.length, (room * fact.share) / shares)
    return { name, whole, shorter: fact.versions.slice(1), guaranteed }
  })
  let charsLeft = room - wholes.reduce((sum, { guaranteed }) => sum + guaranteed, 0)
  const fitted: Record<string, string> = {}
  for (const { name, whole, shorter, guaranteed } of wholes) {
    const isFixed = typeof facts[name] === 'string'
    fitted[name] = isFixed ? whole : longestThatFits([() => whole, ...shorter], Math.floor(charsLeft + guaranteed))
    if (!isFixed) charsLeft += guaranteed - fitted[name].length
  }
  return fitted
}

/** The first version that fits, otherwise as many whole lines of the last version as fit. */
export function longestThatFits(versions: readonly (() => string)[], maxChars: number): string {
  let text = ''
  for (const version of versions) {
    text = version()
    if (text.length <= maxChars) return text
  }
  return wholeLines(text, maxChars)
}

const cutNote = '\n(the rest is left out)'

function wholeLines(text: string, maxChars: number): string {
  const end = text.lastIndexOf('\n', maxChars - cutNote.length)
  return end <= 0 ? '' : text.slice(0, end) + cutNote
}
