import { z } from 'zod'
import { digestSchema } from './span.js'

export const domainTotalsSchema = z.strictObject({
  documents: z.int(),
  pieces: z.int(),
  tokens: z.int(),
  trainedTokens: z.int(),
})

/** What packing wrote: record out of `packing`, record into `training`. Says all that a reader has to check. */
export const shardManifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Most tokens in a row. */
  sequenceLength: z.int().positive(),
  renderer: z.string(),
  tokenizer: z.strictObject({ digest: digestSchema, vocabularySize: z.int() }),
  seed: z.int(),
  shards: z.array(
    z.strictObject({
      /** File name within `shards/`. */
      file: z.string(),
      format: z.enum(['parquet', 'arrow']),
      rows: z.int(),
      tokens: z.int(),
      trainedTokens: z.int(),
      sizeBytes: z.int(),
      sha256: digestSchema,
    }),
  ),
  domains: z.record(z.string(), domainTotalsSchema),
  packing: z.strictObject({
    rows: z.int(),
    tokens: z.int(),
    trainedTokens: z.int(),
    /** tokens / (rows x sequenceLength). */
    fillRatio: z.number(),
    documents: z.int(),
    /** Documents longer than a row, and the pieces that all documents became. */
    documentsCut: z.int(),
    pieces: z.int(),
    /** Header tokens repeated, masked, at the head of continued pieces. */
    repeatedHeaderTokens: z.int(),
    /** Steps that fit in no row with or without the header, by reason; counted and listed, not written. */
    dropped: z.array(z.strictObject({ document: z.string(), step: z.int(), tokens: z.int(), reason: z.string() })),
    /** Borders between segments at which tokenizing the joined text could give other ids than were written. */
    irregularBorders: z.int(),
  }),
})
export type ShardManifest = z.infer<typeof shardManifestSchema>

