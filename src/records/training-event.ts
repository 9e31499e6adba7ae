import { z } from 'zod'

/** What can carry out a training: our own loop on FSDP2, or TRL. */
export const trainingEngines = ['fsdp2', 'trl'] as const

/** What the training loop works with; the first line of every start. Rates are null where nothing is known of them. */
const startEventSchema = z.strictObject({
  event: z.literal('start'),
  /** Steps that are done already: 0, or those of the checkpoint that it goes on from. */
  step: z.int().nonnegative(),
  totalSteps: z.int().positive(),
  worldSize: z.int().positive(),
  device: z.enum(['cpu', 'cuda']),
  deviceName: z.string(),
  engine: z.enum(trainingEngines),
  /** How documents of a row are kept apart. */
  attention: z.string(),
  parameters: z.int().positive(),
  /** Rows and tokens there are, by domain. */
  domains: z.record(z.string(), z.strictObject({ rows: z.int(), tokens: z.int() })),
  /** FLOP/s of one rank's device that MFU is measured against, and whether a data sheet or a product at the start says so. */
  peakFlops: z.number().positive().nullable(),
  peakFlopsSource: z.enum(['datasheet', 'measured']).nullable(),
  torch: z.string(),
})
export type StartEvent = z.infer<typeof startEventSchema>

const stepEventSchema = z.strictObject({
  event: z.literal('step'),
  /** Number of this step, from 1. */
  step: z.int().positive(),
  /** Nats per trained token of the step, over all ranks. */
  loss: z.number(),
  domainLoss: z.record(z.string(), z.strictObject({ loss: z.number(), trainedTokens: z.int() })),
  /** Of the whole gradient, before it is clipped. */
  gradNorm: z.number(),
  learningRate: z.number(),
  tokens: z.int(),
  trainedTokens: z.int(),
  /** Since step 1, over all starts. */
  totalTokens: z.int(),
  totalTrainedTokens: z.int(),
  seconds: z.number(),
  /** Over all ranks. */
  tokensPerSecond: z.number(),
  /** Share in `[0, 1]` of the ranks' peak that the model's own work takes; recomputation is not counted as work. */
  mfu: z.number().nullable(),
  /** The most that one rank's device (on a CPU: its process) held so far. */
  memoryBytes: z.int(),
})
export type StepEvent = z.infer<typeof stepEventSchema>

const checkpointEventSchema = z.strictObject({
  event: z.literal('checkpoint'),
  step: z.int().nonnegative(),
  path: z.string(),
  seconds: z.number(),
})

const endEventSchema = z.strictObject({
  event: z.literal('end'),
  step: z.int().nonnegative(),
  /** `stopped`: asked to; a checkpoint of this step is there. */
  reason: z.enum(['done', 'stopped']),
  /** The exported model's folder where training is done. */
  model: z.string().nullable(),
})
export type EndEvent = z.infer<typeof endEventSchema>

/** A line of `metrics.jsonl`: how the training loop says what it does. */
export const trainingEventSchema = z.discriminatedUnion('event', [
  startEventSchema,
  stepEventSchema,
  checkpointEventSchema,
  endEventSchema,
])
export type TrainingEvent = z.infer<typeof trainingEventSchema>

/** `failure.json`: why the loop stopped; the message has the next step. */
export const trainingFailureSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
})
export type TrainingFailure = z.infer<typeof trainingFailureSchema>
