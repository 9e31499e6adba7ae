import type { Leak } from '../records/index.js'
import { isLeak } from './leak.js'
import type { SearchOptions } from './options.js'
import type { Best } from './selectors/selector.js'

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

/** Least rise of the mean that counts as a gain: above the scorer's noise, and above the configured floor. */
export function leastGain(noise: number, options: SearchOptions): number {
  return Math.max(noise * options.noiseFactor, options.minGain)
}
