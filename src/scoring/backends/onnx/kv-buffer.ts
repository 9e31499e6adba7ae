import type { LlamaConfig } from '../../../model/index.js'

type Shape = Pick<LlamaConfig, 'layers' | 'kvHeads' | 'headSize' | 'contextLength'>

/** A copy of the keys and values of consecutive tokens: per layer `[kvHeads, tokens, headSize]`. */
export interface KvRows {
  tokens: number
  layers: { key: Float32Array; value: Float32Array }[]
}

/**
 * Keys and values of a path, one row per position, with room behind it for the branch that runs.
 *
 * Per layer `[kvHeads, capacity, headSize]`, the layout that the attention reads and writes in place. Several prefixes of
 * one path share a buffer; only the longest of them may write behind its end.
 */
export class KvBuffer {
  readonly layers: { key: Float32Array; value: Float32Array }[]
  /** Lengths of the prefixes that read from this buffer, by prefix id. */
  readonly users = new Map<number, number>()

  readonly #shape: Shape
  readonly capacity: number

  constructor(shape: Shape, capacity: number) {
    this.#shape = shape
    this.capacity = capacity
    const size = shape.kvHeads * capacity * shape.headSize
    this.layers = Array.from({ length: shape.layers }, () => ({
      key: new Float32Array(size),
      value: new Float32Array(size),
    }))
  }

  /** A buffer for `tokens`, rounded up so that a growing path is seldom copied. */
  static withRoomFor(shape: Shape, tokens: number): KvBuffer {
    let capacity = 1024
    while (capacity < tokens) capacity *= 2
    return new KvBuffer(shape, Math.max(tokens, Math.min(capacity, shape.contextLength)))
  }

  isWritableBehind(length: number): boolean {
    return Math.max(...this.users.values()) <= length
  }

  /** The rows of positions `[start, start + tokens)`, copied. */
  take(start: number, tokens: number): KvRows {
    const { kvHeads, headSize } = this.#shape
    const copy = (from: Float32Array): Float32Array => {
      const rows = new Float32Array(kvHeads * tokens * headSize)
      for (let head = 0; head < kvHeads; head++) {
        const at = (head * this.capacity + start) * headSize
        rows.set(from.subarray(at, at + tokens * headSize), head * tokens * headSize)
      }
      return rows
    }
    return { tokens, layers: this.layers.map(({ key, value }) => ({ key: copy(key), value: copy(value) })) }
  }

  /** Writes rows at positions `[start, start + rows.tokens)`. */
  put(start: number, rows: KvRows): void {
    const { kvHeads, headSize } = this.#shape
    const size = rows.tokens * headSize
    const copy = (from: Float32Array, to: Float32Array): void => {
      for (let head = 0; head < kvHeads; head++) {
        to.set(from.subarray(head * size, (head + 1) * size), (head * this.capacity + start) * headSize)
      }
    }
    this.layers.forEach(({ key, value }, i) => {
      const from = rows.layers[i] as KvRows['layers'][number]
      copy(from.key, key)
      copy(from.value, value)
    })
  }
}

export function bytesOfRows(rows: KvRows): number {
  return rows.layers.reduce((sum, { key, value }) => sum + key.byteLength + value.byteLength, 0)
}
