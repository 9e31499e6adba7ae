import type { Piece } from '../cut-document.js'

/** The label where no loss is computed; Hugging Face's convention. */
export const ignoreIndex = -100

/** One packed sequence, as a shard holds it. */
export interface ShardRow {
  domain: string
  inputIds: Int32Array
  /** Target-aligned: the id itself, or `ignoreIndex`; always `ignoreIndex` at a document's first token. */
  labels: Int32Array
  /** Tokens of each document; their sum is the length of `inputIds`. */
  seqLengths: Int32Array
  docIds: string[]
}

export function rowOfPieces(domain: string, pieces: readonly Piece[]): ShardRow {
  const seqLengths = Int32Array.from(pieces, (piece) => piece.ids.length)
  const length = seqLengths.reduce((sum, tokens) => sum + tokens, 0)
  const inputIds = new Int32Array(length)
  const labels = new Int32Array(length).fill(ignoreIndex)
  let start = 0
  for (const { ids, trained } of pieces) {
    inputIds.set(ids, start)
    // No document predicts the first token of the next one.
    for (let i = 1; i < ids.length; i++) if (trained[i] === 1) labels[start + i] = ids[i] as number
    start += ids.length
  }
  return { domain, inputIds, labels, seqLengths, docIds: pieces.map((piece) => piece.id) }
}

export function countTrained(labels: Int32Array): number {
  return labels.reduce((count, label) => count + (label === ignoreIndex ? 0 : 1), 0)
}

/**
 * The two columns of Megatron-Bridge's packed Parquet: the start of each document, and a mask that is aligned with the
 * input, so that position `t` says whether the prediction of token `t + 1` counts (0 at a document's last token).
 */
export function megatronColumns({ labels, seqLengths }: ShardRow): { seqStartId: Int32Array; lossMask: Int8Array } {
  let start = 0
  const seqStartId = seqLengths.map((length) => (start += length) - length)
  // Since a document's first label is never trained, shifting by one cannot reach over a border.
  const lossMask = Int8Array.from(labels, (_, t) => (t + 1 < labels.length && labels[t + 1] !== ignoreIndex ? 1 : 0))
  return { seqStartId, lossMask }
}
