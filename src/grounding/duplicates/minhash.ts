// A short signature of a text. Two signatures give an estimate of the Jaccard similarity of the texts' token 5-grams, by
// one permutation hashing (Li, Owen, Zhang: One Permutation Hashing, NIPS 2012). Each 5-gram is hashed once; the upper
// bits of the hash choose one of 128 bins, and each bin keeps its smallest hash. The paper's estimator ignores bins that
// are empty in both texts, so short texts need no densification, which is left out. For files of code this costs a 128th
// of 128 permutations at the same error, about 0.03 at a similarity of 0.85.
//
// A bin is kept as one byte: 0 for empty, else 1 to 255 of the smallest hash (b-bit minwise hashing, Li and König, WWW
// 2010); the estimate subtracts the bins that agree by chance.
import { fnv1a, fnv1aStart } from '../../core/index.js'

export const signatureBytes = 128
const binShift = 25
/** The lower 25 bits of a hash, of which a bin keeps the smallest value. */
const largest = 0x1ffffff
const shingleTokens = 5
/** Shorter texts are alike by nature: a re-export, an empty class, a version. */
export const minTokens = 50
const chance = 1 / 255

/**
 * The signature of a text, `null` for one of fewer than `minTokens` tokens. Tokens are words and numbers in lower case,
 * and every other character that is not white space.
 */
export function signatureOf(text: string): Uint8Array | null {
  const shingles = new Shingles()
  let word = 0
  for (let at = 0; at < text.length; at++) {
    let unit = text.charCodeAt(at)
    if (unit >= 65 && unit <= 90) unit += 32
    if ((unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57) || unit === 95 || unit > 127) {
      word = fnv1a(word === 0 ? fnv1aStart : word, unit)
      continue
    }
    if (word !== 0) shingles.take(word)
    word = 0
    if (unit > 32) shingles.take(unit)
  }
  if (word !== 0) shingles.take(word)
  return shingles.tokens < minTokens ? null : shingles.signature()
}

/** Keeps the smallest hash of each bin over all runs of five tokens. */
class Shingles {
  tokens = 0
  readonly #smallest = new Int32Array(signatureBytes).fill(largest)
  // The four tokens before the newest, the oldest first.
  #a = 0
  #b = 0
  #c = 0
  #d = 0

  take(token: number): void {
    if (++this.tokens >= shingleTokens) {
      const hash = mix(fold(fold(fold(fold(this.#a, this.#b), this.#c), this.#d), token))
      const bin = hash >>> binShift
      const rest = hash & largest
      if (rest < (this.#smallest[bin] as number)) this.#smallest[bin] = rest
    }
    this.#a = this.#b
    this.#b = this.#c
    this.#c = this.#d
    this.#d = token
  }

  signature(): Uint8Array {
    return Uint8Array.from(this.#smallest, (hash) => (hash === largest ? 0 : 1 + ((mix(hash) >>> 0) % 255)))
  }
}

function fold(hash: number, token: number): number {
  const product = Math.imul(hash, 0x9e3779b1) ^ token
  return product ^ (product >>> 15)
}

/** The finalizer of MurmurHash3: every bit of the input changes every bit of the output. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/**
 * The estimated Jaccard similarity of two texts by their signatures, 0 to 1. Each may be a part of a longer array.
 */
export function similarityOf(a: Uint8Array, b: Uint8Array, aStart = 0, bStart = 0): number {
  let [equal, used] = [0, 0]
  for (let bin = 0; bin < signatureBytes; bin++) {
    const x = a[aStart + bin] as number
    const y = b[bStart + bin] as number
    if (x === 0 && y === 0) continue
    used++
    if (x === y) equal++
  }
  return used === 0 ? 0 : Math.max(0, (equal / used - chance) / (1 - chance))
}
