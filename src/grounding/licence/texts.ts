import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path/posix'
import { fnv1a, fnv1aStart } from '../../core/index.js'

// Finds the licence of a text: compares its words with those of every text on SPDX's list by the Sørensen-Dice
// coefficient, as the gem `licensee` does. Differences between copies are removed first: case, white space, marks, lines
// with a copyright or an address. Unlike the gem, this compares pairs of words: by single words, ISC is as similar to
// 0BSD (the same text without its only condition) as to a copy of ISC with another holder's name.

/** From this similarity on, two texts are the same licence: a copy with other names and a title is above it. */
const minSimilarity = 0.93
/** How much more similar another text must be than a common licence; else the text is a variant of the common licence. */
const clearlyNearer = 0.01
/** From this similarity on, no other text of the list can be clearly more similar, so the list is not read. */
const sureSimilarity = 0.99
const minWords = 20
const maxLicenceChars = 128 * 1024

/** The licences of nearly all repositories; their texts are compared first. */
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

/** Whether a file has the name of a licence file. `debian/copyright` is none: it lists licences of single files. */
export function isLicenceFile(path: string): boolean {
  if (/header/i.test(basename(path))) return false
  return (
    /^(?:un)?licen[cs]e(?:s?$|[.\-_][\w.-]{0,40}$)|^(?:[\w.]{1,40}[-_.])?licen[cs]e(?:\.(?:txt|md|rst))?$|^copying(?:$|[.\-_][\w.-]{0,40}$)/i.test(
      basename(path),
    ) || /^LICENSES\/[^/]+$/.test(path)
  )
}

/** The SPDX id of a licence text; `null` where it is not on the list. */
export function matchLicenceText(text: string): string | null {
  if (text.length > maxLicenceChars) return null
  const words = wordsOf(text)
  if (words.length < minWords) return null
  common ??= commonIds.map((id) => ({ id, words: wordsOf(readCommon(id)) }))
  const near = nearest(words, common)
  if (near !== null && near.similarity >= sureSimilarity) return near.id
  all ??= readAll()
  const other = nearest(words, all)
  if (other === null) return null
  return near !== null && other.similarity - near.similarity < clearlyNearer ? near.id : other.id
}

function readCommon(id: string): string {
  const { licenseText } = require(`spdx-license-list/licenses/${id}.json`) as { licenseText: string }
  // Only the text of ISC contains a holder's name; most copies have "THE AUTHOR" in its place.
  return id === 'ISC' ? licenseText.replace(/\bISC (?=DISCLAIMS|BE LIABLE)/g, 'THE AUTHOR ') : licenseText
}

/**
 * The whole list as hashes, about 1 MB; its five million characters are freed again. A text of GNU grants one version and
 * does not mention later versions, so of its ids only `-only` stays.
 */
function readAll(): LicenceText[] {
  const json = readFileSync(require.resolve('spdx-license-list/spdx-full.json'), 'utf8')
  const list = JSON.parse(json) as Record<string, { licenseText: string }>
  const current = Object.entries(list).filter(([id]) => !/^[AL]?GPL-\d\.\d(?:\+|-or-later|)$/.test(id))
  const texts = current.map(([id, { licenseText }]) => ({ id, words: wordsOf(licenseText) }))
  return texts.filter(({ words }) => words.length >= minWords)
}

function nearest(words: Uint32Array, texts: readonly LicenceText[]): { id: string; similarity: number } | null {
  let best: { id: string; similarity: number } | null = null
  for (const { id, words: other } of texts) {
    const [few, many] = [Math.min(words.length, other.length), Math.max(words.length, other.length)]
    // The highest similarity of two sets of these sizes.
    if ((2 * few) / (few + many) < minSimilarity) continue
    const similarity = (2 * countShared(words, other)) / (few + many)
    if (similarity < minSimilarity) continue
    if (best === null || similarity > best.similarity || (similarity === best.similarity && isPlainer(id, best.id))) {
      best = { id, similarity }
    }
  }
  return best
}

/** Where several ids have the same text, the shortest id has no additional conditions. */
function isPlainer(id: string, than: string): boolean {
  return id.length < than.length || (id.length === than.length && id < than)
}

/** Hashes of a text's distinct pairs of words, ascending; 32 bits are enough for sets of a few thousand. */
function wordsOf(text: string): Uint32Array {
  const lines = text.toLowerCase().split('\n')
  const hashes = new Set<number>()
  let before = 0
  for (const line of lines) {
    // The rest explains how to apply the licence; half of the copies leave it out.
    if (line.includes('end of terms and conditions')) break
    if (isOfThisCopy(line)) continue
    for (const word of wordHashes(line)) {
      hashes.add((Math.imul(before, 0x9e3779b1) ^ word) >>> 0)
      before = word
    }
  }
  return Uint32Array.from(hashes).sort()
}

/** Whether a line differs between copies: a copyright with a year or mark, or an address. Not "copyright notice". */
function isOfThisCopy(line: string): boolean {
  if (line.length > 200) return false
  if (line.includes('@')) return true
  return /^[^a-z0-9(©]{0,12}(?:copyright\b.*(?:\d{4}|\(c\)|©|[<[{])|\(c\)|©|all rights reserved)/.test(line)
}

/** The FNV-1a hash of each run of letters and digits. */
function* wordHashes(line: string): Generator<number> {
  let hash = 0
  let length = 0
  for (let at = 0; at <= line.length; at++) {
    const unit = line.charCodeAt(at)
    const isWord = (unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57) || unit > 127
    if (isWord) {
      hash = fnv1a(length === 0 ? fnv1aStart : hash, unit)
      length++
    } else if (length > 0) {
      // A single letter is the mark of a list item, or the `s` after an apostrophe.
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
