/**
 * The printable character that stands for each byte in the vocabulary of a byte-level BPE, in order of the byte.
 *
 * Bytes that are printable in Latin-1 stand for themselves; the others, in order, are U+0100 and on. A space (0x20) is
 * `Ġ` and a line feed (0x0a) `Ċ`. From GPT-2 (`bytes_to_unicode`).
 */
export const byteAlphabet: readonly string[] = makeByteAlphabet()

function makeByteAlphabet(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
}

const byteOfCharacter = new Map(byteAlphabet.map((character, byte) => [character, byte]))

/** The bytes that a vocabulary entry stands for, or `null` where it has a character outside the alphabet. */
export function bytesOfEntry(entry: string): Uint8Array | null {
  const bytes = new Uint8Array(entry.length)
  for (let i = 0; i < entry.length; i++) {
    const byte = byteOfCharacter.get(entry[i] as string)
    if (byte === undefined) return null
    bytes[i] = byte
  }
  return bytes
}
