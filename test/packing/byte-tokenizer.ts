import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sha256Hex } from '../../src/core/index.js'
import { loadTokenizer, type Tokenizer } from '../../src/tokenizer/index.js'

export type TestTokenizer = Pick<Tokenizer, 'digest' | 'vocabularySize' | 'encode' | 'special' | 'decode'>

const specials = [
  '<|begin_of_text|>',
  '<|end_of_text|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|eot_id|>',
] as const

const special = (name: string): number => {
  const index = specials.findIndex((one) => one === name)
  if (index < 0) throw new Error(`no special token ${name}`)
  return 256 + index
}
const encode = (text: string): Uint32Array => Uint32Array.from(Buffer.from(text))
const tokenBytes = (id: number): Uint8Array => (id < 256 ? Buffer.of(id) : Buffer.from(specials[id - 256] ?? ''))

/** One token per byte: lengths are plain to see, and nothing about merging can hide a fault. */
export const byteTokenizer: Tokenizer = {
  digest: sha256Hex('one token per byte'),
  vocabularySize: 256 + specials.length,
  specials,
  encode,
  encodeSegments: (segments) =>
    segments.map((one) => (one.special ? Uint32Array.of(special(one.text)) : encode(one.text))),
  special,
  decode: (ids) => Buffer.concat(Array.from(ids, tokenBytes)).toString('utf8'),
  tokenBytes,
}

/** The byte tokenizer, and every tokenizer that the project has. */
export async function tokenizersAtHand(): Promise<Map<string, TestTokenizer>> {
  const root = process.env.RETRACE_ROOT ?? process.cwd()
  const found = new Map<string, TestTokenizer>([['bytes', byteTokenizer]])
  for (const folder of ['models', 'test/scoring/fixtures'].map((name) => join(root, name))) {
    for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
      if (existsSync(join(folder, name, 'tokenizer.json'))) found.set(name, await loadTokenizer(join(folder, name)))
    }
  }
  return found
}
