import { z } from 'zod'
import type { BlobStore } from './blobs.js'

export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/)

/** Bytes `[start, end)` of a blob. The only way in which a record refers to repository content. */
export const blobSpanSchema = z
  .strictObject({ blob: digestSchema, start: z.int().nonnegative(), end: z.int().nonnegative() })
  .refine((span) => span.start <= span.end, 'a span ends before it starts')

export type BlobSpan = z.infer<typeof blobSpanSchema>

/** Gives the text of repository content; the only way from a span to characters. */
export type SpanReader = (span: BlobSpan) => string

/** A reader of the content in a blob store. A byte order mark is content like any other, and stays. */
export function spanReader(blobs: Pick<BlobStore, 'get'>): SpanReader {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return ({ blob, start, end }) => decoder.decode(blobs.get(blob).subarray(start, end))
}
