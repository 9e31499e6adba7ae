import { toolDefinitions } from '../../tools/index.js'
import { asData } from './as-data.js'
import type { ReadResult } from './read-result.js'

/** An answer without its `<think>` blocks. A block that is not closed goes to the end. */
export function withoutThinking(text: string): string {
  const closed = text.search(/<\/think(?:ing)?>/i)
  // Some servers remove the opening tag.
  const opened = text.search(/<think(?:ing)?>/i)
  const rest = closed >= 0 && (opened < 0 || opened > closed) ? text.slice(text.indexOf('>', closed) + 1) : text
  return rest.replace(/<think(?:ing)?>[\s\S]*?(?:<\/think(?:ing)?>|$)/gi, '').trim()
}

interface TextBounds {
  maxChars: number
  /** Whether the answer ended at the limit of tokens. */
  isCut: boolean
  /** What was sent: an answer that only repeats it is not usable. */
  prompt: string
}

/** The prose of an answer, without what models put around it and cut to `maxChars`, or what is wrong with it. */
export function readProse(answer: string, { maxChars, isCut, prompt }: TextBounds): ReadResult<string> {
  const bare = withoutQuotes(withoutRole(withoutFences(fieldOf(withoutThinking(answer)))))
  const text = withoutMarks(beforeActing(fold(bare)))
  if (text === '') return { problem: 'It says nothing.' }
  const kept = withoutRepeats(text)
  if (isLoop(kept)) return { problem: 'It says the same over and over.' }
  if (isEcho(kept, prompt)) return { problem: 'It only repeats what you were told.' }
  if (isCut && kept === text && !hasSentenceEnd(text))
    return { problem: 'It is cut off before its first sentence ends.' }
  const complete = kept.length < text.length || !isCut ? kept : wholeSentences(kept)
  const bounded = complete.length <= maxChars ? complete : wholeSentences(complete.slice(0, maxChars))
  return /\p{L}{2}/u.test(bounded) ? { value: bounded } : { problem: 'It says nothing.' }
}

/** The code of an answer: the content of its first fence, or all of it if there is no fence. */
export function readCode(answer: string): ReadResult<string> {
  const text = withoutThinking(answer)
  const lines = text.split('\n')
  const start = lines.findIndex((line) => /^ {0,3}(?:```|~~~)/.test(line))
  if (start < 0) return text === '' ? { problem: 'It says nothing.' } : { value: `${text}\n` }
  const fence = /[`~]+/.exec(lines[start] as string)?.[0] ?? ''
  const end = lines.findIndex((line, at) => at > start && line.trim() === fence)
  const code = lines.slice(start + 1, end < 0 ? lines.length : end)
  return code.join('').trim() === '' ? { problem: 'Its code block is empty.' } : { value: `${code.join('\n')}\n` }
}

/** Takes the text out of `{"thought": "..."}`: some models always answer in JSON. */
function fieldOf(text: string): string {
  if (!text.startsWith('{')) return text
  try {
    const values = Object.values(JSON.parse(text) as Record<string, unknown>)
    return values.length === 1 && typeof values[0] === 'string' ? values[0] : text
  } catch {
    return text
  }
}

/** Removes a fence around the whole text. A fence inside the text is removed with its code, which belongs to no thought. */
function withoutFences(text: string): string {
  const whole = /^```[^\n]*\n([\s\S]*?)(?:\n```|$)/.exec(text)
  if (whole !== null && whole[0].length === text.length) return whole[1] ?? ''
  return text.replace(/^ {0,3}```[^\n]*\n[\s\S]*?(?:^ {0,3}```[ \t]*$|$(?![\s\S]))/gm, '').replace(/```/g, '')
}

function withoutRole(text: string): string {
  return text
    .trim()
    .replace(/^(?:<\|[\w ]{1,40}\|>\s*)+/, '')
    .replace(/^(?:#+ *)?\**(?:assistant|ai|thought|thinking|answer|response|rewrite)\**\s*:\**\s*/i, '')
    .replace(/<\|[\w ]{1,40}\|>\s*$/, '')
}

function withoutQuotes(text: string): string {
  const inner = /^(?:"([^"]*)"|'([^']*)'|“([^”]*)”)$/.exec(text.trim())
  return inner === null ? text : (inner[1] ?? inner[2] ?? inner[3] ?? '')
}

/**
 * The text up to the first line that looks like an action in a rendered document, or like another turn of a chat: a
 * program that reads the output of a trained model would take such a line for an action.
 */
function beforeActing(text: string): string {
  const at = text.search(actingLine)
  return at < 0 ? text : text.slice(0, at).trim()
}

const toolNames = toolDefinitions.map((tool) => tool.function.name).join('|')
/** What follows a tool's name: `src/a.ts after line 3`. */
const toolSubject = /(?:"[^"\n]*"|(?=[^\s`]*[./])[^\s`]+(?<![.,:;]))(?: after line \d+| lines \d+-\d+)?/
/** The headings of the plain renderer. */
const heading = /(?:Thought|Action|Observation|User):|End of action|# (?:System|Requirements|Plan)/
/** What opens or ends a chat turn. */
const chatMark =
  /<\|(?:im_start|im_end|start_header_id|eot_id|eom_id|endoftext|end_of_text|start|end|user|assistant)\|>(?!`)|<\/?(?:start|end)_of_turn>|<\/s>(?!`)/
const actingLine = new RegExp(`^(?:(?:${toolNames}) ${toolSubject.source}|${heading.source})$|${chatMark.source}`, 'm')

/** Breaks marks of a chat as in prompts: a trainer that looks for such marks would take them for its own. */
const withoutMarks = (text: string): string => asData(text)

/** A text in one line, cut between words. */
export function readLine(text: string, maxChars: number): string {
  const line = withoutMarks(fold(text)).replace(/\s+/g, ' ')
  return line.length <= maxChars ? line : cutAtWord(line.slice(0, maxChars - 1))
}

/** Removes control characters, halves of surrogate pairs, white space at line ends, and repeated blank lines. */
function fold(text: string): string {
  const plain = text.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0009\u000b-\u001f\u007f]/g, ' ')
  const lines = plain.split('\n').map((line) => line.trimEnd())
  const kept = lines.filter((line, at) => line !== '' || lines[at - 1] !== '')
  return Buffer.from(kept.join('\n'), 'utf8').toString('utf8').trim()
}

/** How often a sentence may occur in a text before the rest counts as a loop. */
const maxRepeats = 2

/** The text up to where it begins to repeat a sentence. */
function withoutRepeats(text: string): string {
  const seen = new Map<string, { count: number; second: number }>()
  for (const { index, 0: sentence } of text.matchAll(/[^\n.!?]+[\n.!?]*\s*/g)) {
    const key = sentence.trim().toLowerCase()
    if (key.length < 12) continue
    const before = seen.get(key)
    const count = (before?.count ?? 0) + 1
    if (before !== undefined && count > maxRepeats) return text.slice(0, before.second).trim()
    seen.set(key, { count, second: count === 2 ? index : (before?.second ?? 0) })
  }
  return text
}

/** Whether the text repeats a few words or one character. */
function isLoop(text: string): boolean {
  const words = text.toLowerCase().split(/\s+/)
  const names = text.toLowerCase().split(/[^\p{L}\p{N}]+/u)
  if (names.length >= 24 && new Set(names).size * 6 < names.length) return true
  if (words.length >= 24 && new Set(words).size * 6 < words.length) return true
  return words.some((word) => word.length >= 60 && new Set(word).size <= 4)
}

/** A shorter text may be in the prompt by chance. */
const minEchoChars = 60

function isEcho(text: string, prompt: string): boolean {
  const flat = (words: string): string => words.replace(/\s+/g, ' ').trim()
  return text.length >= minEchoChars && flat(prompt).includes(flat(text))
}

const sentenceEnd = /[.!?]["'`)]*(?=\s|$)|\n(?=\s*\n)/g

const hasSentenceEnd = (text: string): boolean => text.search(sentenceEnd) >= 0

/** The text without its incomplete last sentence. If there is no complete sentence, it is cut between words. */
function wholeSentences(text: string): string {
  const ends = [...text.matchAll(sentenceEnd)]
  const last = ends.at(-1)
  if (last !== undefined) return text.slice(0, last.index + last[0].length).trim()
  return cutAtWord(text)
}

function cutAtWord(text: string): string {
  const space = text.lastIndexOf(' ')
  return `${(space > 0 ? text.slice(0, space) : text).replace(/[\ud800-\udbff]$/, '')}…`
}
