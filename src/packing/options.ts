import { z } from 'zod'
import { masksSchema, rendererNames } from '../rendering/index.js'
import { shardFormatNames } from './shards/formats/table.js'

export const packingOptionsSchema = z.strictObject({
  /** Most tokens in a row. */
  sequenceLength: z.int().min(16).max(131_072).default(8192),
  renderer: z.enum(rendererNames).default('llama3-chat'),
  /** What the rows hold: the process that was reconstructed, or the files alone as they are. */
  content: z.enum(['trajectory', 'code']).default('trajectory'),
  /** Each shard is written once in each of these. */
  formats: z
    .array(z.enum(shardFormatNames))
    .min(1)
    .refine((formats) => new Set(formats).size === formats.length, 'a format is named twice')
    .default(['parquet', 'arrow']),
  /** Adds the columns `seq_start_id` and `loss_mask` that Megatron-Bridge reads. */
  megatron: z.boolean().default(false),
  /** Decides the order of rows. */
  seed: z.int().nonnegative().default(0),
  /** Tokens after which the next shard begins; a shard never spans two windows. */
  maxShardTokens: z
    .int()
    .positive()
    .default(2 ** 27),
  /** Documents of one domain that are packed together; fewer leave more of each row empty. */
  windowDocuments: z.int().positive().default(10_000),
  /** Tokens at which a window closes early: the bound on memory, about 5 bytes a token. */
  maxWindowTokens: z
    .int()
    .positive()
    .default(2 ** 28),
  masks: masksSchema.prefault({}),
})
export type PackingOptions = z.infer<typeof packingOptionsSchema>
