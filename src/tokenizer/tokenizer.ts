import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { sha256Hex } from '../core/index.js'
import { TokenizerError } from './errors.js'
import { readTokenizerFile, type TokenizerFile } from './tokenizer-file.js'

/** The part of the library's tokenizer that is used here; its own types cannot be resolved in strict ESM. */
interface Encoder {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] }
}
const bytePairEncoder = LibraryTokenizer as unknown as new (file: object, config: object) => Encoder

/** A text to tokenize alone; where `special` is set, `text` is the name of one special token. */
interface TextSegment {
  readonly text: string
  readonly special: boolean
}

/** Text to token ids and back. Content never becomes a special token: those come only from their names. */
export interface Tokenizer {
  /** SHA-256 of `tokenizer.json`. */
  readonly digest: string
  /** Largest id plus one, special tokens included. */
  readonly vocabularySize: number
  /** Names of the special tokens, in order of their ids. */
  readonly specials: readonly string[]
  /**
   * Ids of plain text: nothing is added before or after, and `<|eot_id|>` is encoded as ten ordinary characters. Lone
   * surrogates, which UTF-8 cannot hold, become U+FFFD.
   */
  encode(text: string): Uint32Array
  /** Ids of each segment, tokenized alone; joined, they are the ids of the whole text. */
  encodeSegments(segments: readonly TextSegment[]): Uint32Array[]
  /** @throws TokenizerError `UNKNOWN_SPECIAL` */
  special(name: string): number
  /**
   * The text of ids: `decode(encode(text)) === text`. Special tokens print as their names; bytes that are no whole
   * character print as U+FFFD.
   *
   * @throws TokenizerError `TOKEN_OUT_OF_RANGE`
   */
  decode(ids: ArrayLike<number>): string
  /** The bytes of one token, to count or to join; not to write to. @throws TokenizerError `TOKEN_OUT_OF_RANGE` */
  tokenBytes(id: number): Uint8Array
}

/**
 * Loads `tokenizer.json` of a model folder.
 *
 * @throws TokenizerError `TOKENIZER_MISSING`, or `TOKENIZER_INVALID` where it is anything but a byte-level BPE
 */
export async function loadTokenizer(modelDir: string): Promise<Tokenizer> {
  const path = join(modelDir, 'tokenizer.json')
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
    const message = `${path} does not exist. Give a model folder that has one.`
    throw new TokenizerError('TOKENIZER_MISSING', message, { path }, { cause })
  })
  return makeTokenizer(readTokenizerFile(bytes.toString('utf8'), path), sha256Hex(bytes), path)
}

function makeTokenizer(file: TokenizerFile, digest: string, path: string): Tokenizer {
  const encoder = makeEncoder(file, path)
  const cache = new EncodingCache()
  const specials = [...file.specials].sort(([, a], [, b]) => a - b).map(([name]) => name)

  const encode = (text: string): Uint32Array => {
    if (text === '') return new Uint32Array(0)
    const known = cache.get(text)
    if (known !== undefined) return known.slice()
    const ids = Uint32Array.from(encoder.encode(text, { add_special_tokens: false }).ids)
    cache.put(text, ids)
    return ids.slice()
  }
  const special = (name: string): number => {
    const id = file.specials.get(name)
    if (id !== undefined) return id
    throw new TokenizerError(
      'UNKNOWN_SPECIAL',
      `${path} has no special token ${JSON.stringify(name)}. It has: ${specials.join(' ') || 'none'}.`,
      { name, specials },
    )
  }
  const tokenBytes = (id: number): Uint8Array => {
    const bytes = file.bytesOfToken[id]
    if (bytes !== undefined) return bytes
    throw new TokenizerError(
      'TOKEN_OUT_OF_RANGE',
      `Token id ${id} is outside [0, ${file.bytesOfToken.length}), the vocabulary of ${path}.`,
      { id, vocabularySize: file.bytesOfToken.length },
    )
  }
  return {
    digest,
    vocabularySize: file.bytesOfToken.length,
    specials,
    encode,
    special,
    tokenBytes,
    encodeSegments: (segments) =>
      segments.map((segment) => (segment.special ? Uint32Array.of(special(segment.text)) : encode(segment.text))),
    // A byte order mark is text here: the decoder must not swallow it.
    decode: (ids) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(Array.from(ids, tokenBytes))),
  }
}

function makeEncoder(file: TokenizerFile, path: string): Encoder {
  try {
    return new bytePairEncoder(file.contentOnly, {})
  } catch (cause) {
    throw new TokenizerError(
      'TOKENIZER_INVALID',
      `${path} cannot be used: ${(cause as Error).message}. Use a byte-level BPE tokenizer.json, such as that of Llama 3.`,
      { path },
      { cause },
    )
  }
}

/** Ids by text, the oldest dropped first. Rendering, scoring and packing encode the same segments many times. */
class EncodingCache {
  static readonly maxCharacters = 8_000_000
  readonly #idsByText = new Map<string, Uint32Array>()
  #characters = 0

  get(text: string): Uint32Array | undefined {
    return this.#idsByText.get(text)
  }

  put(text: string, ids: Uint32Array): void {
    this.#idsByText.set(text, ids)
    this.#characters += text.length
    for (const oldest of this.#idsByText.keys()) {
      if (this.#characters <= EncodingCache.maxCharacters) break
      this.#idsByText.delete(oldest)
      this.#characters -= oldest.length
    }
  }
}
