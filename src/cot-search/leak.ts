import type { Leak } from '../records/index.js'
import type { SearchOptions } from './options.js'

/**
 * How much a thought gives away of code that the reader has not seen.
 *
 * A run of white space counts as one blank. Text that the context already shows is no leak.
 */
export function measureLeak(thought: string, code: string, context: string, ngramWords: number): Leak {
  return {
    longestCommonChars: longestUnseenCommon(flat(thought), flat(code), flat(context)),
    containment: unseenContainment(words(thought), words(code), words(context), ngramWords),
  }
}

export function isLeak(leak: Leak, limits: SearchOptions['leak']): boolean {
  return leak.longestCommonChars > limits.maxCommonChars || leak.containment > limits.maxContainment
}

/** Shorter common runs are single names and word pieces: not worth comparing with the context. */
const shortestRun = 8

function longestUnseenCommon(thought: string, code: string, context: string): number {
  const runs = commonRuns(thought, code).sort((a, b) => b.length - a.length)
  for (const run of runs) {
    if (!context.includes(run)) return run.length
  }
  return 0
}

/** Maximal common substrings of at least `shortestRun` characters, by the textbook table over code unit pairs. */
function commonRuns(a: string, b: string): string[] {
  const runs = new Set<string>()
  let previous = new Uint16Array(b.length + 1)
  let current = new Uint16Array(b.length + 1)
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const length = a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? (previous[j - 1] as number) + 1 : 0
      current[j] = length
      const goesOn = i < a.length && j < b.length && a.charCodeAt(i) === b.charCodeAt(j)
      if (length >= shortestRun && !goesOn) runs.add(a.slice(i - length, i))
    }
    ;[previous, current] = [current, previous]
  }
  return [...runs]
}

function unseenContainment(thought: string[], code: string[], context: string[], ngramWords: number): number {
  const inThought = ngrams(thought, ngramWords)
  if (inThought.size === 0) return 0
  const inCode = ngrams(code, ngramWords)
  const seen = ngrams(context, ngramWords)
  let shared = 0
  for (const ngram of inThought) if (inCode.has(ngram) && !seen.has(ngram)) shared++
  return shared / inThought.size
}

function ngrams(list: readonly string[], size: number): Set<string> {
  const result = new Set<string>()
  for (let i = 0; i + size <= list.length; i++) result.add(list.slice(i, i + size).join(' '))
  return result
}

function words(text: string): string[] {
  return text.match(/[\p{L}\p{N}_$]+/gu) ?? []
}

function flat(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
