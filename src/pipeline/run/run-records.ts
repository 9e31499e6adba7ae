import { z } from 'zod'
import type { RunStore } from '../../core/index.js'

/** Which snapshot an input became. */
const inputSchema = z.strictObject({ input: z.string(), snapshot: z.string() })

const rejectSchema = z.strictObject({
  id: z.string(),
  stage: z.string(),
  reason: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
})

/** A repository that is not finished, as the budget was spent. With `search` its thoughts are kept as far as they came. */
const unfinishedSchema = z.strictObject({ id: z.string(), stage: z.enum(['synthesis', 'search']) })

/** `calibration.json`: how a run was scored, and by how much its scores vary from themselves. */
const calibrationSchema = z.strictObject({
  /** What decides the bits of a score beside the model. All thoughts of a run are scored by the same. */
  scorer: z.strictObject({ device: z.string(), dtype: z.string() }),
  /** Of a mean log-probability, nats per token. */
  noise: z.number(),
  trajectory: z.string(),
  prefixTokens: z.int(),
  targetTokens: z.int(),
})
export type Calibration = z.infer<typeof calibrationSchema>

/** Tokens of one repository: of its files, of its trajectory, and those of the trajectory that are trained. */
export const countsSchema = z.strictObject({ rawTokens: z.int(), reconstructedTokens: z.int(), trainedTokens: z.int() })

/** The names of the records of a run's inputs, in the order given. */
export function unitsOf(inputs: readonly string[]): { input: string; unit: string }[] {
  return inputs.map((input, index) => ({ input, unit: String(index).padStart(6, '0') }))
}

/** The snapshot that an input became. */
export function snapshotIdOf(store: RunStore, unit: string): string {
  return store.read('inputs', unit, inputSchema).snapshot
}

/** Ids of the repositories that the inputs became, in code-unit order. */
export function groundedIds(store: RunStore): string[] {
  return store
    .finished('inputs')
    .map((unit) => snapshotIdOf(store, unit))
    .sort()
}

export function rejectsOf(store: RunStore): z.infer<typeof rejectSchema>[] {
  return store.finished('rejects').map((id) => store.read('rejects', id, rejectSchema))
}

/** The repositories that wait for a larger budget. */
export function unfinishedOf(store: RunStore): z.infer<typeof unfinishedSchema>[] {
  return store.finished('unfinished').map((id) => store.read('unfinished', id, unfinishedSchema))
}

/** How the run was scored; `null` where nothing was scored. */
export function calibrationOf(store: RunStore): Calibration | null {
  return store.isFinished('.', 'calibration') ? store.read('.', 'calibration', calibrationSchema) : null
}
