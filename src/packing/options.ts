import { z } from 'zod'
import { masksSchema } from './masks.js'
import { rendererNames } from './render/create-renderer.js'

export const shardFormats = ['parquet', 'arrow'] as const
export type ShardFormat = (typeof shardFormats)[number]

export const packedContents = ['trajectory', 'code'] as const

export const packingOptionsSchema = z.strictObject({
  /** Most tokens in a row. */
  sequenceLength: z.int().min(16).max(131_072).default(8192),
  renderer: z.enum(rendererNames).default('llama3-chat'),
  /** What stands in the rows: the process that was reconstructed, or the files alone as they are. */
  content: z.enum(packedContents).default('trajectory'),
  /** Each shard is written once in each of these. */
  formats: z
    .array(z.enum(shardFormats))
    .min(1)
    .refine((formats) => new Set(formats).size === formats.length, 'a format is named twice')
    .default([...shardFormats]),
  /** Adds the columns `seq_start_id` and `loss_mask` that Megatron-Bridge reads. */
  megatron: z.boolean().default(false),
  /** Of the order of rows. */
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
