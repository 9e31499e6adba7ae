import type { BlobStore } from '../../core/index.js'
import type { SpanReader } from '../../core/index.js'

/** Reads the text of spans from a run's blobs. A byte order mark is text like any other. */
export function spanReader(blobs: Pick<BlobStore, 'get'>): SpanReader {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return ({ blob, start, end }) => decoder.decode(blobs.get(blob).subarray(start, end))
}
