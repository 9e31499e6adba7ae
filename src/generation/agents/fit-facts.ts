/** A fact that can be told at more or less length: the whole first, the shortest last. */
export interface ShrinkableFact {
  /** Its part of the room, against the others' shares. */
  share: number
  versions: readonly (() => string)[]
}

export type Facts = Readonly<Record<string, string | ShrinkableFact>>

/**
 * Chooses a telling for each fact so that together they take at most `room` characters.
 *
 * Each is sure of its share of the room, as far as it needs it; what the others leave goes to the first in their order.
 * Where even the shortest telling is too long, whole lines are left out at its end.
 */
export function fitFacts(facts: Facts, room: number): Record<string, string> {
  const shares = Object.values(facts).reduce((sum, fact) => sum + (typeof fact === 'string' ? 0 : fact.share), 0)
  const wholes = Object.entries(facts).map(([name, fact]) => {
    if (typeof fact === 'string') return { name, whole: fact, tellings: [], sure: 0 }
    const whole = fact.versions[0]?.() ?? ''
    return { name, whole, tellings: fact.versions.slice(1), sure: Math.min(whole.length, (room * fact.share) / shares) }
  })
  let charsLeft = room - wholes.reduce((sum, { sure }) => sum + sure, 0)
  const fitted: Record<string, string> = {}
  for (const { name, whole, tellings, sure } of wholes) {
    const isFixed = typeof facts[name] === 'string'
    fitted[name] = isFixed ? whole : longestThatFits([() => whole, ...tellings], Math.floor(charsLeft + sure))
    if (!isFixed) charsLeft += sure - fitted[name].length
  }
  return fitted
}

/** The longest of `tellings` that fits, else whole lines of the last. */
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
