import type { Progress } from '../../core/index.js'
import type { Budget } from '../../generation/index.js'

/** What accompanies long work. */
export interface RunContext {
  progress: Progress
  signal?: AbortSignal | undefined
  /** What the run may pay for calls, over all its starts; without it there is no bound. */
  budget?: Budget
}
