import type { HeaderParts } from '../rendering/index.js'
import type { Branch, Prefix, Scorer } from '../scoring/index.js'

export type HeaderMode = keyof HeaderParts

/** The parts of the header that a window may begin with, as token ids. */
export type HeaderTokens = Record<HeaderMode, Uint32Array>

export function chooseHeader(tokens: HeaderTokens, contextLength: number, maxHeaderShare: number): HeaderMode {
  const fits = (mode: HeaderMode): boolean => tokens[mode].length <= contextLength * maxHeaderShare
  return fits('whole') ? 'whole' : fits('requirements') ? 'requirements' : 'none'
}

/**
 * The first step of a new window: behind the header it holds the most recent whole steps that leave half of the context
 * free, and room for the present step. Half, so that the window moves rarely and consecutive steps share their prefix.
 *
 * @param needed tokens of the present step with the longest thought
 */
export function windowStart(stepLengths: readonly number[], header: number, needed: number, context: number): number {
  const room = Math.min(Math.floor(context / 2), context - needed) - header
  let start = stepLengths.length
  let taken = 0
  while (start > 0 && taken + (stepLengths[start - 1] as number) <= room) taken += stepLengths[--start] as number
  return start
}

/**
 * The scorer's prefix for one trajectory: a header and a window of whole steps that grows and sometimes jumps.
 *
 * Work is queued, and done in the order of the calls when a score is needed: steps that an earlier run decided cost
 * nothing unless they are in the window of a step that is scored, and then they give the same bits as before.
 */
export class PrefixWindow {
  /** Flat index of the first step in the window. */
  firstStep = 0
  /** Tokens of the prefix, with those that are still queued. */
  length = 0
  readonly #scorer: Scorer
  #opening: Uint32Array | null = null
  #queue: Branch[] = []
  #prefix: Prefix | null = null

  constructor(scorer: Scorer) {
    this.#scorer = scorer
  }

  /** Begins a new window. */
  jump(tokens: Uint32Array, firstStep: number): void {
    this.close()
    this.#opening = tokens
    this.firstStep = firstStep
    this.length = tokens.length
  }

  /** Puts tokens behind the prefix; a branch that was scored keeps what scoring computed. */
  extend(branch: Branch): void {
    if (branch.tokens.length === 0) return
    this.#queue.push(branch)
    this.length += branch.tokens.length
  }

  /** The prefix with all that was queued in it. */
  async ready(): Promise<Prefix> {
    if (this.#opening !== null) {
      this.#prefix = await this.#scorer.open(this.#opening)
      this.#opening = null
    }
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const before = this.#prefix as Prefix
      this.#prefix = await this.#scorer.commit(before, next)
      this.#scorer.close(before)
    }
    return this.#prefix as Prefix
  }

  close(): void {
    if (this.#prefix !== null) this.#scorer.close(this.#prefix)
    this.#prefix = null
    this.#opening = null
    this.#queue = []
    this.length = 0
  }
}

/** Joins token ids. */
export function joinTokens(parts: readonly Uint32Array[]): Uint32Array {
  const joined = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
