import { z } from 'zod'
import { digestSchema } from '../core/index.js'

const domainTotalsSchema = z.strictObject({
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
  /** What was trained, by origin of the segment. */
  masks: z.record(z.string(), z.boolean()),
  tokenizer: z.strictObject({ digest: digestSchema, vocabularySize: z.int() }),
  seed: z.int(),
  shards: z.array(
    z.strictObject({
      /** File name within `shards/`. */
      file: z.string(),
      /** A name in packing's table of formats. */
      format: z.string(),
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
    /** Tokens of all documents as rendered: `tokens - repeatedHeaderTokens + dropped + untrained` is the same number. */
    sourceTokens: z.int(),
    /** Header tokens repeated, masked, at the head of continued pieces. */
    repeatedHeaderTokens: z.int(),
    /** Continued pieces that begin without the header, since it takes more than half a row or leaves a step no room. */
    piecesWithoutHeader: z.int(),
    /** Pieces in which the masks leave nothing to train, and their tokens (repeated ones not counted); not written. */
    untrained: z.strictObject({ pieces: z.int(), tokens: z.int() }),
    /** What fits in no row even alone: a step, or the header as step -1. Counted and listed, not written. */
    dropped: z.array(z.strictObject({ document: z.string(), step: z.int(), tokens: z.int(), reason: z.string() })),
    /** Borders between segments at which tokenizing the joined text could give other ids than were written. */
    irregularBorders: z.int(),
  }),
})
export type ShardManifest = z.infer<typeof shardManifestSchema>
