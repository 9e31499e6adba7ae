import { z } from 'zod'

/** What a model is trained on: bare code, or trajectories with or without search, with or without the loss mask. */
export const ablationArms = ['raw-code', 'trajectories', 'trajectories-unmasked', 'search', 'search-unmasked'] as const
export type AblationArm = (typeof ablationArms)[number]

/** What is measured on repositories that no arm was trained on. */
export const ablationMeasures = ['code', 'trajectory-code', 'needle', 'exact-match', 'edit-similarity'] as const
export type AblationMeasure = (typeof ablationMeasures)[number]

/** A mean of paired differences to bare code. `null` where one pair alone gives no spread. */
const differenceSchema = z.strictObject({
  pairs: z.int().positive(),
  mean: z.number(),
  standardError: z.number().nullable(),
  /** 95 %, by Student's t. */
  interval: z.tuple([z.number(), z.number()]).nullable(),
  /** Whether the interval excludes 0. */
  isDistinguishable: z.boolean(),
})
export type PairedDifference = z.infer<typeof differenceSchema>

const repositorySchema = z.strictObject({ id: z.string(), name: z.string() })

/** A trained model: how many tokens it saw, and how long that took. */
export const ablationTrainingSchema = z.strictObject({
  arm: z.enum(ablationArms),
  seed: z.int().nonnegative(),
  steps: z.int().positive(),
  tokens: z.int().positive(),
  trainedTokens: z.int().nonnegative(),
  /** Nats per trained token of the last step. */
  loss: z.number().nullable(),
  seconds: z.number(),
})
export type AblationTraining = z.infer<typeof ablationTrainingSchema>

/** `ablation.json`: what each arm was trained on, and its measured results. */
export const ablationSchema = z.strictObject({
  schemaVersion: z.literal(1),
  retraceVersion: z.string(),
  /** The model that every arm begins with. */
  model: z.strictObject({ name: z.string(), digest: z.string() }),
  /** Tokens that each model should see; training ends with the step that reaches them. */
  tokens: z.int().positive(),
  seeds: z.int().positive(),
  sequenceLength: z.int().positive(),
  batchRows: z.int().positive(),
  device: z.string(),
  repositories: z.strictObject({
    training: z.array(repositorySchema),
    /** `overlap`: share of the source bytes that are near-duplicates of training files; `null` where not looked for. */
    heldOut: z.array(repositorySchema.extend({ overlap: z.number().nullable() })),
    /** Repositories that could not be read, and why. */
    leftOut: z.array(z.strictObject({ id: z.string(), isHeldOut: z.boolean(), message: z.string() })),
    /** Held-out repositories that the model was trained on before, by the names that its manifest lists. */
    knownToModel: z.array(z.strictObject({ name: z.string(), source: z.string() })),
  }),
  arms: z.array(
    z.strictObject({
      arm: z.enum(ablationArms),
      packed: z.strictObject({
        documents: z.int(),
        rows: z.int(),
        tokens: z.int(),
        trainedTokens: z.int(),
        droppedTokens: z.int(),
      }),
      /** One for each seed. `epochs`: how often training went over the data. */
      trainings: z.array(ablationTrainingSchema.omit({ arm: true }).extend({ epochs: z.number() })),
    }),
  ),
  measures: z.array(
    z.strictObject({
      measure: z.enum(ablationMeasures),
      /** The value of the model before training. */
      base: z.number(),
      arms: z.array(
        z.strictObject({
          arm: z.enum(ablationArms),
          /** One for each seed, from 0 on. */
          values: z.array(z.number()),
          mean: z.number(),
          /** Of a sample; `null` for a single seed. */
          standardDeviation: z.number().nullable(),
          /** 95 % of the mean over seeds. */
          interval: z.tuple([z.number(), z.number()]).nullable(),
          /** Differences to bare code with the same seed. `null` for bare code itself. */
          overSeeds: differenceSchema.nullable(),
          /** The same with held-out repositories as the pairs, each the mean over seeds; `null` where there are no values by repository. */
          overRepositories: differenceSchema.extend({ better: z.int() }).nullable(),
        }),
      ),
    }),
  ),
})
export type Ablation = z.infer<typeof ablationSchema>
