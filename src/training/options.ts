import { z } from 'zod'

/** When training ends: after so many passes over the rows, or after so many tokens or steps. */
const untilSchema = z.union([
  z.strictObject({ epochs: z.number().positive().describe('Passes over the rows.') }),
  z.strictObject({ tokens: z.int().positive().meta({ description: 'Tokens that are read, in all.', unit: 'tokens' }) }),
  z.strictObject({ steps: z.int().positive().meta({ description: 'Steps of the optimizer.', unit: 'steps' }) }),
])

/**
 * The settings that decide the trained weights. A preset or a file gives keys, the defaults give the rest. The defaults
 * are those of ProLong's first stage (docs/training.md), since the paper names no learning rate, RoPE base or mixture.
 */
export const trainingConfigSchema = z.strictObject({
  init: z
    .enum(['pretrained', 'random'])
    .default('pretrained')
    .describe(
      '`pretrained` starts from the weights of the model; `random` draws weights from the seed in the shape of its `config.json`.',
    ),
  ropeTheta: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe("RoPE base; `null` keeps the model's own. 8e6 for 64k from Llama-3."),
  contextLength: z.int().positive().nullable().default(null).meta({
    description:
      "Most positions that the exported model claims; `null`: the model's own, or the rows' length where that is more.",
    unit: 'tokens',
  }),
  until: untilSchema.default({ epochs: 1 }).describe('How long training goes on: `epochs`, `tokens` or `steps`.'),
  batchRows: z
    .int()
    .positive()
    .default(64)
    .meta({ description: 'Rows in one step, over all ranks and micro-batches.', unit: 'rows' }),
  microBatchRows: z.int().positive().default(1).meta({
    description: 'Rows that one rank takes through the model at once; its share of `batchRows` is a multiple.',
    unit: 'rows',
  }),
  mixture: z
    .record(z.string(), z.number().positive())
    .nullable()
    .default(null)
    .describe(
      'Share of the tokens by domain, normalized; a domain not named is left out. `null`: every row as often as any.',
    ),
  optimizer: z
    .strictObject({
      learningRate: z.number().positive().default(1e-5).describe('The highest learning rate.'),
      finalShare: z.number().min(0).max(1).default(0.1).describe('The cosine ends at this share of the learning rate.'),
      warmUpShare: z.number().min(0).max(1).default(0.1).describe('Share of the steps in which the rate rises from 0.'),
      beta1: z.number().min(0).max(1).default(0.9).describe('Decay of the first moment.'),
      beta2: z.number().min(0).max(1).default(0.95).describe('Decay of the second moment.'),
      epsilon: z.number().positive().default(1e-8).describe('Added to the root of the second moment.'),
      weightDecay: z.number().min(0).default(0.1).describe('Weight decay of matrices; norms and biases have none.'),
      maxGradNorm: z.number().positive().default(1).describe('Norm to which the gradient is clipped.'),
      moments: z
        .enum(['float32', 'bfloat16'])
        .default('float32')
        .describe("Type of Adam's moments; the weights themselves are float32 always."),
    })
    .prefault({})
    .describe('AdamW, with a rate that rises linearly and falls by a cosine.'),
  compute: z
    .enum(['bfloat16', 'float32'])
    .default('bfloat16')
    .describe('Type of activations and of the weights while they compute; gradients are reduced in float32.'),
  activationCheckpointing: z
    .boolean()
    .default(true)
    .describe("Keeps each block's input alone and computes the rest again."),
  lossChunkTokens: z
    .int()
    .positive()
    .default(2048)
    .meta({ description: 'Trained tokens whose logits are in memory at once.', unit: 'tokens' }),
  checkpoint: z
    .strictObject({
      everySteps: z
        .int()
        .positive()
        .default(100)
        .meta({ description: 'Steps from one to the next; the last step always has one.', unit: 'steps' }),
      keep: z.int().positive().default(2).describe('How many checkpoints are kept, the newest ones.'),
    })
    .prefault({})
    .describe('When the state of training is saved.'),
  exportType: z.enum(['bfloat16', 'float32']).default('bfloat16').describe('Type of the exported weights.'),
  deterministic: z
    .boolean()
    .default(false)
    .describe('Kernels that give the same bits each time also on a GPU, slower. A CPU gives them anyway.'),
  seed: z.int().nonnegative().default(0).describe('Seed of the order of rows and of random weights.'),
})
export type TrainingConfig = z.infer<typeof trainingConfigSchema>
