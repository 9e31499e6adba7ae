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

/** One token per byte: lengths are plain to see, and nothing about merging can hide a fault. */
export const byteTokenizer: TestTokenizer = {
  digest: sha256Hex('one token per byte'),
  vocabularySize: 256 + specials.length,
  encode: (text) => Uint32Array.from(Buffer.from(text)),
  special(name) {
    const index = specials.findIndex((special) => special === name)
    if (index < 0) throw new Error(`no special token ${name}`)
    return 256 + index
  },
  decode: (ids) =>
    Buffer.concat(Array.from(ids, (id) => (id < 256 ? Buffer.of(id) : Buffer.from(specials[id - 256] ?? '')))).toString(
      'utf8',
    ),
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
