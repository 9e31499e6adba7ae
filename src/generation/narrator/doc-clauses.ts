// Shortens a doc comment so that it fits into a sentence of the narrator.

/** A shorter part of a doc, in characters, cannot stand for the whole doc. */
const minPartChars = 24

/**
 * The first sentence of a doc comment, without a full stop. A longer sentence than `maxChars` is cut at the end of a
 * clause, otherwise after a word that can end a phrase; empty if no whole phrase is left.
 */
export function firstSentence(doc: string, maxChars: number): string {
  const flat = doc
    .replace(/\s*<https?:[^>\s]*>/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  const ended =
    /^(.*?[^.\s](?<!\b(?:e\.g|i\.e|vs|cf|etc|St|Dr|Mr))[.!?])(?=\s+[A-Z`(]|$|(?<=[!?])\s)/.exec(flat)?.[1] ?? flat
  const bare = withoutEnd(ended)
  if (bare.length <= maxChars && !flat.endsWith('…')) return bare === upToUnclosed(bare) ? bare : trimToPhrase(bare)
  return trimToPhrase(cutAtClause(bare, maxChars))
}

/** The first sentence in the form that follows a colon, with a small first letter; empty if the doc says nothing. */
export function docClause(doc: string, maxChars: number, ownNames: readonly string[] = []): string {
  const clause = firstSentence(doc, maxChars)
  return isInformative(clause) ? lowerFirst(clause, ownNames) : ''
}

const uninformative = [
  /^(https?:\/\/|www\.)\S*$|^(see|from|source|via|ref(erence)?s?|docs?|spec)\b:?\s*(https?:\/\/|www\.)/i,
  /^[@$#<|>*]|^(todo|fixme|xxx|hack)\b|^(eslint|biome|prettier|istanbul|c8)[ -](ignore|disable|enable)/i,
  /^[\w.-]*\/[\w./-]+$|^[\w-]+\.[a-z]{1,4}\b(?!\s+\w+\s+\w)/i,
  /^(this (file|code|module) (is|was) )?(adapted\b.*|copied|taken|based|ported|borrowed|stolen|derived|forked|modified|inspired) (from|on|by)\b/i,
  /\bcopyright\b|\(c\) \d|©|SPDX-|all rights reserved/i,
]

function isInformative(clause: string): boolean {
  const words = clause.split(' ').filter((word) => /[\p{L}\p{N}]/u.test(word))
  return words.length >= 3 && !uninformative.some((pattern) => pattern.test(clause))
}

const withoutEnd = (text: string): string => text.replace(/[.:;,!?\s…–—-]+$/, '')

const startsAside =
  /^(although|though|if|when|whenever|while|since|because|after|before|given|unless|once|as|for|in|by)\s/i

function cutAtClause(text: string, maxChars: number): string {
  const window = text.slice(0, maxChars + 1)
  const ends = [...window.matchAll(/;|(?<!e\.g|i\.e|vs|cf|etc)\. |: | [–—-] |, | (?:which|that|so|because|but) /g)].map(
    (match) => match.index,
  )
  // In `Although it is a class, …` the text up to the comma is no whole clause.
  const from = startsAside.test(text) ? text.indexOf(', ') + 1 : minPartChars
  const last = ends.filter((at) => at >= Math.max(from, minPartChars) && at <= maxChars).at(-1)
  if (last !== undefined) return window.slice(0, last)
  return text.length <= maxChars ? text : window.slice(0, Math.max(window.lastIndexOf(' '), 0))
}

const openWords = new Set(
  `a an the of to in on at by for from with without as and or but nor if when while where which that who whose so than
  then is are was were be been being has have had do does did can could may might must shall should will would not no
  its their his her our your my this these those into onto over under between about via per instead such like each any
  some every one ones based used passed following e.g i.e because since until unless after before through whether how what why it's we you they it i's`.split(
    /\s+/,
  ),
)

/** Removes from the end what is incomplete: an open bracket, an open quote, and words that need another word after them. */
function trimToPhrase(text: string): string {
  let rest = withoutEnd(upToUnclosed(text))
  for (let word = lastWord(rest); openWords.has(word.toLowerCase()); word = lastWord(rest))
    rest = withoutEnd(upToUnclosed(rest.slice(0, rest.length - word.length)))
  return rest.split(' ').length < 3 ? '' : rest
}

const lastWord = (text: string): string => /[^\s]*$/.exec(text)?.[0] ?? ''

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** The text up to the first bracket, backtick or quote that is never closed. */
function upToUnclosed(text: string): string {
  const open: { at: number; close: string }[] = []
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    const inside = open.at(-1)?.close
    if (char === inside) open.pop()
    else if (inside === '`' || inside === '"') continue
    else if (char === '`' || char === '"') open.push({ at, close: char })
    else if (closers[char] !== undefined) open.push({ at, close: closers[char] })
  }
  return text.slice(0, open[0]?.at ?? text.length)
}

/** Words that begin a sentence but no name. */
const plainWords = new RegExp(
  '^(An?|The|This|These|Those|That|It|Its|In|On|At|For|From|To|With|If|When|All|Any|Each|Some|No|Not|Get|Set|Make|Return' +
    '|Create|Check|Parse|Convert|Build|Read|Write|Use|Run|Add|Remove|Find|Whether|Test|Define|Generate|Handle|Load|Call' +
    "|Determine|Validate|Transform|Same|Like|Default|List|Optional|Internal|Custom|Simple|Generic)(?=[\\s'])",
)
const properNouns = /^(Python|Node|Unicode|Windows|Linux|Unix|Git|React|Django|Flask|Markdown|English|Google)\b/

/**
 * `Checks a config` becomes `checks a config`. Names, acronyms and `I` keep their capital, and so do `Protocol Buffers`,
 * `French (Canada)` and the project's own name.
 */
export function lowerFirst(text: string, ownNames: readonly string[] = []): string {
  const lowered = text.charAt(0).toLowerCase() + text.slice(1)
  if (plainWords.test(text)) return lowered
  const word = /^[A-Z][a-z]+\b(?![A-Z_.(])/.exec(text)?.[0]
  if (word === undefined || properNouns.test(text)) return text
  if (ownNames.some((name) => name.toLowerCase() === word.toLowerCase())) return text
  const rest = text.slice(word.length)
  // A verb (`Returns Promise`) may precede a name; a noun before a name or a bracket is part of the name.
  const isPartOfName = /^ [A-Z][a-z]+\b/.test(rest) || /^ \(/.test(rest)
  return isPartOfName && !word.endsWith('s') ? text : lowered
}
