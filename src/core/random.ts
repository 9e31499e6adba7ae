import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { sha256Hex } from './hash.js'

/** A seeded stream of random choices; equal seeds give equal streams on every machine. */
export interface Random {
  /** A whole number in `[0, bound)`. */
  below(bound: number): number
  /** The same items in a random order; the input is left as it is. */
  shuffled<T>(items: readonly T[]): T[]
}

/** A stream for one purpose, named by its parts (`seed, repository, step`), so that no two uses share numbers. */
export function seededRandom(...parts: readonly (string | number)[]): Random {
  const generator = xoroshiro128plus(Number.parseInt(sha256Hex(parts.join('\u0000')).slice(0, 8), 16) | 0)
  const below = (bound: number): number => uniformInt(generator, 0, bound - 1)
  return {
    below,
    shuffled<T>(items: readonly T[]): T[] {
      const result = [...items]
      for (let i = result.length - 1; i > 0; i--) {
        const j = below(i + 1)
        ;[result[i], result[j]] = [result[j] as T, result[i] as T]
      }
      return result
    },
  }
}
