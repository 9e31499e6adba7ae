import { z } from 'zod'

/** When training ends: after so many passes over the rows, or after so many tokens or steps. */
const untilSchema = z.union([
  z.strictObject({ epochs: z.number().positive() }),
  z.strictObject({ tokens: z.int().positive() }),
  z.strictObject({ steps: z.int().positive() }),
])

/**
 * The settings that decide the trained weights. A preset or a file gives keys, the defaults give the rest. The defaults
 * are those of ProLong's first stage (docs/training.md), since the paper names no learning rate, RoPE base or mixture.
 */
export const trainingConfigSchema = z.strictObject({
  /** `random`: weights drawn from the seed in the shape of the model's `config.json`. */
  init: z.enum(['pretrained', 'random']).default('pretrained'),
  /** RoPE base; `null` keeps the model's own. 8e6 for 64k from Llama-3. */
  ropeTheta: z.number().positive().nullable().default(null),
  /** Context length of the exported model; `null`: the model's own, or the rows' length where that is more. */
  contextLength: z.int().positive().nullable().default(null),
  until: untilSchema.default({ epochs: 1 }),
  /** Rows in one step, over all ranks and micro-batches. */
  batchRows: z.int().positive().default(64),
  /** Rows that one rank passes through the model at once; its share of `batchRows` is a multiple of this. */
  microBatchRows: z.int().positive().default(1),
  /** Share of the tokens by domain, normalized; a domain not named is left out. `null`: every row equally often. */
  mixture: z.record(z.string(), z.number().positive()).nullable().default(null),
  optimizer: z
    .strictObject({
      learningRate: z.number().positive().default(1e-5),
      /** The cosine ends at this share of the learning rate. */
      finalShare: z.number().min(0).max(1).default(0.1),
      /** Share of the steps in which the rate rises from 0. */
      warmUpShare: z.number().min(0).max(1).default(0.1),
      beta1: z.number().min(0).max(1).default(0.9),
      beta2: z.number().min(0).max(1).default(0.95),
      epsilon: z.number().positive().default(1e-8),
      /** Of matrices; norms and biases have none. */
      weightDecay: z.number().min(0).default(0.1),
      maxGradNorm: z.number().positive().default(1),
      /** Type of Adam's moments; the weights are always float32. */
      moments: z.enum(['float32', 'bfloat16']).default('float32'),
    })
    .prefault({}),
  /** Type of activations and of the weights while they compute; gradients are reduced in float32. */
  compute: z.enum(['bfloat16', 'float32']).default('bfloat16'),
  /** Keeps only each block's input and computes the rest again. */
  activationCheckpointing: z.boolean().default(true),
  /** Trained tokens whose logits are in memory at once. */
  lossChunkTokens: z.int().positive().default(2048),
  checkpoint: z
    .strictObject({
      /** Steps between checkpoints; the last step always has one. */
      everySteps: z.int().positive().default(100),
      /** How many of the newest are kept. */
      keep: z.int().positive().default(2),
    })
    .prefault({}),
  /** Type of the exported weights. */
  exportType: z.enum(['bfloat16', 'float32']).default('bfloat16'),
  /** Slower kernels that give the same bits each time on a GPU too. A CPU always does. */
  deterministic: z.boolean().default(false),
  /** Of the order of rows, and of random weights. */
  seed: z.int().nonnegative().default(0),
})
export type TrainingConfig = z.infer<typeof trainingConfigSchema>
