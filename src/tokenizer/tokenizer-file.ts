import { z } from 'zod'
import { byteAlphabet, bytesOfEntry } from './byte-alphabet.js'
import { TokenizerError } from './errors.js'

const id = z.int().nonnegative()

/** The keys of a `tokenizer.json` that are read here; the others pass through to the encoder. */
const tokenizerFileSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id, content: z.string().min(1) })).default([]),
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.looseObject({
    type: z.string(),
    pretokenizers: z.array(z.looseObject({ type: z.string() })).optional(),
  }),
  decoder: z.looseObject({ type: z.string() }),
  model: z.looseObject({ type: z.string(), vocab: z.record(z.string(), id), merges: z.array(z.unknown()) }),
})

/** A checked byte-level BPE, in the parts that encoding and decoding need. */
export interface TokenizerFile {
  /** The file without added tokens, to encode with, so that no text of a repository can become a special token. */
  contentOnly: Record<string, unknown>
  specials: ReadonlyMap<string, number>
  /** By id; an empty array where the vocabulary has a hole. */
  bytesOfToken: readonly Uint8Array[]
}

/** @throws TokenizerError `TOKENIZER_INVALID` where it is no tokenizer file, or one that would change the text */
export function readTokenizerFile(text: string, path: string): TokenizerFile {
  const file = parse(text, path)
  checkIsLossless(file, path)

  const specials = new Map(file.added_tokens.map((token) => [token.content, token.id]))
  const ordinary = Object.entries(file.model.vocab).filter(([entry]) => !specials.has(entry))
  return {
    specials,
    bytesOfToken: bytesByToken(ordinary, specials, path),
    contentOnly: {
      ...file,
      normalizer: null,
      post_processor: null,
      added_tokens: [],
      model: { ...file.model, vocab: Object.fromEntries(ordinary) },
    },
  }
}

function parse(text: string, path: string): z.infer<typeof tokenizerFileSchema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(path, `it is not JSON (${(cause as Error).message})`)
  }
  const result = tokenizerFileSchema.safeParse(value)
  if (result.success) return result.data
  const first = result.error.issues[0]
  throw invalid(path, `${first?.path.join('.') || 'the file'}: ${first?.message}`)
}

/** Decoding must give back every byte, which only a byte-level BPE without a normalizer does. */
function checkIsLossless(file: z.infer<typeof tokenizerFileSchema>, path: string): void {
  const { model, decoder, normalizer, pre_tokenizer } = file
  if (model.type !== 'BPE') throw invalid(path, `model.type is "${model.type}", and only "BPE" is supported`)
  if (decoder.type !== 'ByteLevel')
    throw invalid(path, `decoder.type is "${decoder.type}", and only "ByteLevel" is supported`)
  if (normalizer !== null && normalizer !== undefined)
    throw invalid(path, 'it has a normalizer, which changes the text')

  const byteLevel = [pre_tokenizer, ...(pre_tokenizer.pretokenizers ?? [])].find((part) => part.type === 'ByteLevel')
  if (byteLevel === undefined) throw invalid(path, 'its pre_tokenizer has no "ByteLevel" part')
  if (byteLevel['add_prefix_space'] === true) throw invalid(path, 'its pre_tokenizer adds a space (add_prefix_space)')

  const missing = byteAlphabet.filter((character) => !Object.hasOwn(model.vocab, character))
  if (missing.length > 0) throw invalid(path, `its vocabulary lacks ${missing.length} of the 256 bytes`)
}

function bytesByToken(
  ordinary: readonly (readonly [string, number])[],
  specials: ReadonlyMap<string, number>,
  path: string,
): Uint8Array[] {
  const bytesOfToken: Uint8Array[] = []
  for (const [entry, token] of ordinary) {
    const bytes = bytesOfEntry(entry)
    if (bytes === null) throw invalid(path, `the entry ${JSON.stringify(entry)} is neither bytes nor an added token`)
    bytesOfToken[token] = bytes
  }
  for (const [name, token] of specials) bytesOfToken[token] = new TextEncoder().encode(name)
  return Array.from(bytesOfToken, (bytes) => bytes ?? new Uint8Array(0))
}

function invalid(path: string, why: string): TokenizerError {
  return new TokenizerError(
    'TOKENIZER_INVALID',
    `${path} cannot be used: ${why}. Use a byte-level BPE tokenizer.json, such as that of Llama 3.`,
    { path, why },
  )
}
