import type { Candidate, Leak } from '../records/index.js'
import { isLeak } from './leak.js'
import type { SearchOptions } from './options.js'

/** What a candidate must beat. */
export interface Best {
  /** Mean log-probability of the code, nats per token. */
  mean: number
  thoughtTokens: number
}

/** The gates that need no score: `null` lets a candidate through to the scorer. */
export function gateBeforeScore(
  thoughtTokens: number,
  leak: Leak,
  best: Best,
  options: SearchOptions,
): 'too-long' | 'leak' | null {
  if (thoughtTokens > options.maxThoughtTokens) return 'too-long'
  if (thoughtTokens > best.thoughtTokens + options.maxGrowthTokens) return 'too-long'
  return isLeak(leak, options.leak) ? 'leak' : null
}

/** Least rise of the mean that counts as a gain: above the scorer's noise, and above the option's floor. */
export function leastGain(noise: number, options: SearchOptions): number {
  return Math.max(noise * options.noiseFactor, options.minGain)
}

/**
 * Decides one round: of the scored candidates that gain enough, the one with the highest mean is accepted.
 *
 * Pure, over stored scores: any other selector can be put here and replayed from the rows of a run.
 */
export function decideRound(candidates: readonly Candidate[], best: Best, threshold: number): Candidate[] {
  const gains = candidates.map((one) => (one.score === null ? -Infinity : one.score.mean - best.mean))
  const top = Math.max(...gains)
  const winner = top > threshold ? gains.indexOf(top) : -1
  return candidates.map((one, index) => {
    if (one.score === null) return one
    if (index === winner) return { ...one, accepted: true, decision: 'gain' }
    return { ...one, accepted: false, decision: (gains[index] as number) > threshold ? 'outdone' : 'no-gain' }
  })
}
