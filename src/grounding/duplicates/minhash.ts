// A short signature of a text, from which the Jaccard similarity of two texts' token 5-grams can be told: one
// permutation hashing (Li, Owen, Zhang: One Permutation Hashing, NIPS 2012). Each 5-gram is hashed once; the hash's
// upper bits choose one of 128 bins, and each bin keeps its smallest. The paper's estimator counts the bins that are
// empty in both out, so short texts need no filling up (left out: densification). For files of code this costs a
// 128th of 128 permutations at the same error, about 0.03 at a similarity of 0.85.
//
// A bin is kept as one byte: 0 for empty, else 1 to 255 of the smallest hash (b-bit minwise hashing, Li and König, WWW
// 2010); the estimate takes out what agrees by chance.

export const SIGNATURE_BYTES = 128
const BIN_SHIFT = 25
/** The lower 25 bits, what a bin keeps the smallest of. */
const LARGEST = 0x1ffffff
const SHINGLE_TOKENS = 5
/** Shorter texts are alike by nature: a re-export, an empty class, a version. */
export const MIN_TOKENS = 50
const CHANCE = 1 / 255

/**
 * The signature of a text, `null` for one of fewer than `MIN_TOKENS` tokens. Tokens are words and numbers in lower case,
 * and every other character that is not white space.
 */
export function signatureOf(text: string): Uint8Array | null {
  const shingles = new Shingles()
  let word = 0
  for (let at = 0; at < text.length; at++) {
    let unit = text.charCodeAt(at)
    if (unit >= 65 && unit <= 90) unit += 32
    if ((unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57) || unit === 95 || unit > 127) {
      word = Math.imul((word === 0 ? 0x811c9dc5 : word) ^ unit, 0x01000193)
      continue
    }
    if (word !== 0) shingles.take(word)
    word = 0
    if (unit > 32) shingles.take(unit)
  }
  if (word !== 0) shingles.take(word)
  return shingles.tokens < MIN_TOKENS ? null : shingles.signature()
}

/** The smallest hash of each bin over the runs of five tokens. */
class Shingles {
  tokens = 0
  private readonly smallest = new Int32Array(SIGNATURE_BYTES).fill(LARGEST)
  // The four tokens before the newest, the oldest first.
  private a = 0
  private b = 0
  private c = 0
  private d = 0

  take(token: number): void {
    if (++this.tokens >= SHINGLE_TOKENS) {
      const hash = mix(fold(fold(fold(fold(this.a, this.b), this.c), this.d), token))
      const bin = hash >>> BIN_SHIFT
      const rest = hash & LARGEST
      if (rest < (this.smallest[bin] as number)) this.smallest[bin] = rest
    }
    this.a = this.b
    this.b = this.c
    this.c = this.d
    this.d = token
  }

  signature(): Uint8Array {
    return Uint8Array.from(this.smallest, (hash) => (hash === LARGEST ? 0 : 1 + ((mix(hash) >>> 0) % 255)))
  }
}

function fold(hash: number, token: number): number {
  const product = Math.imul(hash, 0x9e3779b1) ^ token
  return product ^ (product >>> 15)
}

/** The finalizer of MurmurHash3: every bit of the input reaches every bit of the output. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/**
 * The estimated Jaccard similarity of the texts behind two signatures, 0 to 1. Each may lie inside a longer array.
 */
export function similarityOf(a: Uint8Array, b: Uint8Array, aStart = 0, bStart = 0): number {
  let [equal, used] = [0, 0]
  for (let bin = 0; bin < SIGNATURE_BYTES; bin++) {
    const x = a[aStart + bin] as number
    const y = b[bStart + bin] as number
    if (x === 0 && y === 0) continue
    used++
    if (x === y) equal++
  }
  return used === 0 ? 0 : Math.max(0, (equal / used - CHANCE) / (1 - CHANCE))
}
