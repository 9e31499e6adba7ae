import { z } from 'zod'

export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/)

/** Bytes `[start, end)` of a blob. The only way in which a record refers to repository content. */
export const blobSpanSchema = z
  .strictObject({ blob: digestSchema, start: z.int().nonnegative(), end: z.int().nonnegative() })
  .refine((span) => span.start <= span.end, 'a span ends before it starts')

export type BlobSpan = z.infer<typeof blobSpanSchema>

/** Gives the text of repository content; the only way from a span to characters. */
export type SpanReader = (span: BlobSpan) => string
