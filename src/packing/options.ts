import { z } from 'zod'
import { masksSchema, rendererNames } from '../rendering/index.js'
import { shardFormatNames } from './shards/formats/table.js'

export const packingOptionsSchema = z.strictObject({
  sequenceLength: z
    .int()
    .min(16)
    .max(131_072)
    .default(8192)
    .meta({ description: 'Most tokens in a row.', unit: 'tokens' }),
  renderer: z
    .enum(rendererNames)
    .default('llama3-chat')
    .describe('The text format of a trajectory. The tokenizer of the model must have its special tokens.'),
  content: z
    .enum(['trajectory', 'code'])
    .default('trajectory')
    .describe('What the rows hold: the process that was reconstructed, or the files alone as they are.'),
  formats: z
    .array(z.enum(shardFormatNames))
    .min(1)
    .refine((formats) => new Set(formats).size === formats.length, 'a format is named twice')
    .default(['parquet', 'arrow'])
    .describe('File formats; each shard is written once in each of them.'),
  megatron: z
    .boolean()
    .default(false)
    .describe('Adds the columns `seq_start_id` and `loss_mask` that Megatron-Bridge reads.'),
  seed: z.int().nonnegative().default(0).describe('Seed of the order of rows.'),
  maxShardTokens: z
    .int()
    .positive()
    .default(2 ** 27)
    .meta({
      description: 'Tokens after which the next shard begins; a shard never spans two windows.',
      unit: 'tokens',
    }),
  windowDocuments: z
    .int()
    .positive()
    .default(10_000)
    .describe('Documents of one domain that are packed together; fewer leave more of each row empty.'),
  maxWindowTokens: z
    .int()
    .positive()
    .default(2 ** 28)
    .meta({
      description: 'Tokens at which a window closes early: the bound on memory, about 5 bytes a token.',
      unit: 'tokens',
    }),
  masks: masksSchema
    .refine(
      (masks) => Object.values(masks).some(Boolean),
      'nothing would be trained; at least one of them must be true',
    )
    .prefault({})
    .describe('Which parts of a trajectory are trained.'),
})
export type PackingOptions = z.infer<typeof packingOptionsSchema>
