/** A file's text, which turns the parser's UTF-16 indices into byte offsets in the file. */
export class SourceText {
  readonly text: string
  readonly #byteOffsets: Uint32Array | null

  constructor(text: string) {
    this.text = text
    this.#byteOffsets = isAscii(text) ? null : byteOffsetsOf(text)
  }

  slice(start: number, end: number): string {
    return this.text.slice(start, end)
  }

  /** The byte offset of a UTF-16 index; an index within a surrogate pair gives the pair's start. */
  byteAt(index: number): number {
    return this.#byteOffsets === null ? index : (this.#byteOffsets[index] as number)
  }

  /** The index after the line end, where only a comment or a `;` follows on the line; else `index` itself. */
  endOfLineFrom(index: number): number {
    // The node of a C directive includes its line end, so `index` is already on the next line.
    if (index > 0 && this.text[index - 1] === '\n') return index
    const rest = /[ \t]*(?:[;,][ \t]*)?(\/\/[^\r\n]*|#[^\r\n]*)?(\r?\n|$)/y
    rest.lastIndex = index
    return rest.exec(this.text) === null ? index : rest.lastIndex
  }
}

const isAscii = (text: string): boolean => Buffer.byteLength(text) === text.length

function byteOffsetsOf(text: string): Uint32Array {
  const offsets = new Uint32Array(text.length + 1)
  let byte = 0
  for (let index = 0; index < text.length; index++) {
    offsets[index] = byte
    const unit = text.charCodeAt(index)
    if (unit < 0x80) byte += 1
    else if (unit < 0x800) byte += 2
    else if (unit >= 0xd800 && unit < 0xdc00) {
      offsets[++index] = byte
      byte += 4
    } else byte += 3
  }
  offsets[text.length] = byte
  return offsets
}
