/** Writes one protobuf message, field by field; just the wire types that ONNX needs. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = []

  /** An int32, int64 or enum field; negative numbers take ten bytes, as the format wants it. */
  int(field: number, value: number): this {
    return this.#tag(field, 0).#varint(BigInt.asUintN(64, BigInt(value)))
  }

  float(field: number, value: number): this {
    return this.#tag(field, 5).#raw(new Uint8Array(Float32Array.of(value).buffer))
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, 2).#varint(BigInt(value.length)).#raw(value)
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value))
  }

  message(field: number, value: MessageWriter): this {
    return this.bytes(field, value.finish())
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  #tag(field: number, wireType: number): this {
    return this.#varint(BigInt((field << 3) | wireType))
  }

  #varint(value: bigint): this {
    const bytes: number[] = []
    let rest = value
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
    bytes.push(Number(rest))
    return this.#raw(Uint8Array.from(bytes))
  }

  #raw(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    return this
  }
}
