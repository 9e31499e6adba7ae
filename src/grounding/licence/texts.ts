import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path/posix'

// Which licence a text is: its words compared with those of every text on SPDX's list by Sørensen-Dice, as the gem
// `licensee` does. What differs from copy to copy is taken out first: case, white space, marks, lines of copyright and
// with an address. Other than there, pairs of words are compared, since by single words ISC and 0BSD (the same without
// its one condition) are as near to each other as to a copy with another holder's name.

/** From this similarity on, two texts are one licence: a copy with other names and a title stays above. */
const MIN_SIMILARITY = 0.93
/** By so much another text must be nearer than a common licence, or the copy is taken for a variant of that one. */
const CLEARLY_NEARER = 0.01
/** So near, no other text of the list can be nearer in a way that matters; the others are not even read. */
const SURE_SIMILARITY = 0.99
const MIN_WORDS = 20
const MAX_LICENCE_CHARS = 128 * 1024

/** Licences that nearly all repositories have; their texts are looked at first. */
const commonIds = (
  'MIT Apache-2.0 BSD-3-Clause BSD-2-Clause ISC MPL-2.0 GPL-3.0-only GPL-2.0-only LGPL-3.0-only LGPL-2.1-only ' +
  'AGPL-3.0-only Unlicense 0BSD CC0-1.0 BSL-1.0 Zlib EPL-2.0'
).split(' ')

interface LicenceText {
  id: string
  words: Uint32Array
}

let common: LicenceText[] | undefined
let all: LicenceText[] | undefined
const require = createRequire(import.meta.url)

/** Whether a file's name says that it holds a licence. `debian/copyright` is left out: it speaks of each file by itself. */
export function isLicenceFile(path: string): boolean {
  if (/header/i.test(basename(path))) return false
  return (
    /^(?:un)?licen[cs]e(?:s?$|[.\-_][\w.-]{0,40}$)|^(?:[\w.]{1,40}[-_.])?licen[cs]e(?:\.(?:txt|md|rst))?$|^copying(?:$|[.\-_][\w.-]{0,40}$)/i.test(
      basename(path),
    ) || /^LICENSES\/[^/]+$/.test(path)
  )
}

/** The SPDX id of the licence that a text is; `null` where it is none of the list. */
export function matchLicenceText(text: string): string | null {
  if (text.length > MAX_LICENCE_CHARS) return null
  const words = wordsOf(text)
  if (words.length < MIN_WORDS) return null
  common ??= commonIds.map((id) => ({ id, words: wordsOf(readCommon(id)) }))
  const near = nearest(words, common)
  if (near !== null && near.similarity >= SURE_SIMILARITY) return near.id
  all ??= readAll()
  const other = nearest(words, all)
  if (other === null) return null
  return near !== null && other.similarity - near.similarity < CLEARLY_NEARER ? near.id : other.id
}

function readCommon(id: string): string {
  const { licenseText } = require(`spdx-license-list/licenses/${id}.json`) as { licenseText: string }
  // The only one of these with a holder's name in its text; copies have others, mostly this one.
  return id === 'ISC' ? licenseText.replace(/\bISC (?=DISCLAIMS|BE LIABLE)/g, 'THE AUTHOR ') : licenseText
}

/**
 * The whole list as hashes, about 1 MB; its five million characters are dropped again. A text of GNU's alone grants one
 * version and says nothing of later ones, so of its ids `-only` stays.
 */
function readAll(): LicenceText[] {
  const json = readFileSync(require.resolve('spdx-license-list/spdx-full.json'), 'utf8')
  const list = JSON.parse(json) as Record<string, { licenseText: string }>
  const current = Object.entries(list).filter(([id]) => !/^[AL]?GPL-\d\.\d(?:\+|-or-later|)$/.test(id))
  const texts = current.map(([id, { licenseText }]) => ({ id, words: wordsOf(licenseText) }))
  return texts.filter(({ words }) => words.length >= MIN_WORDS)
}

function nearest(words: Uint32Array, texts: readonly LicenceText[]): { id: string; similarity: number } | null {
  let best: { id: string; similarity: number } | null = null
  for (const { id, words: other } of texts) {
    const [few, many] = [Math.min(words.length, other.length), Math.max(words.length, other.length)]
    // The most that two sets of these sizes can come to.
    if ((2 * few) / (few + many) < MIN_SIMILARITY) continue
    const similarity = (2 * countShared(words, other)) / (few + many)
    if (similarity < MIN_SIMILARITY) continue
    if (best === null || similarity > best.similarity || (similarity === best.similarity && isPlainer(id, best.id))) {
      best = { id, similarity }
    }
  }
  return best
}

/** Where several ids share one text, the shortest is the one without conditions of its own. */
function isPlainer(id: string, than: string): boolean {
  return id.length < than.length || (id.length === than.length && id < than)
}

/** Hashes of a text's distinct pairs of words, ascending; 32 bits are enough for sets of a few thousand. */
function wordsOf(text: string): Uint32Array {
  const lines = text.toLowerCase().split('\n')
  const hashes = new Set<number>()
  let before = 0
  for (const line of lines) {
    // What follows tells how to apply the licence; half of the copies leave it out.
    if (line.includes('end of terms and conditions')) break
    if (isOfThisCopy(line)) continue
    for (const word of wordHashes(line)) {
      hashes.add((Math.imul(before, 0x9e3779b1) ^ word) >>> 0)
      before = word
    }
  }
  return Uint32Array.from(hashes).sort()
}

/** A line with a copyright's year or holder's mark, or an address; "copyright notice" begins lines of the licences themselves. */
function isOfThisCopy(line: string): boolean {
  if (line.length > 200) return false
  if (line.includes('@')) return true
  return /^[^a-z0-9(©]{0,12}(?:copyright\b.*(?:\d{4}|\(c\)|©|[<[{])|\(c\)|©|all rights reserved)/.test(line)
}

/** FNV-1a over each run of letters and digits. */
function* wordHashes(line: string): Generator<number> {
  let hash = 0
  let length = 0
  for (let at = 0; at <= line.length; at++) {
    const unit = line.charCodeAt(at)
    const isWord = (unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57) || unit > 127
    if (isWord) {
      hash = Math.imul((length === 0 ? 0x811c9dc5 : hash) ^ unit, 0x01000193)
      length++
    } else if (length > 0) {
      // A single letter is a mark of a list, or the `s` behind an apostrophe.
      if (length > 1) yield hash >>> 0
      length = 0
    }
  }
}

function countShared(a: Uint32Array, b: Uint32Array): number {
  let shared = 0
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [x, y] = [a[i] as number, b[j] as number]
    if (x === y) shared++
    if (x <= y) i++
    if (y <= x) j++
  }
  return shared
}
