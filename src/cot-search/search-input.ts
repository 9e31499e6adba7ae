import type { SpanReader } from '../core/index.js'
import type { Generator, ThoughtRequest } from '../generation/index.js'
import type { SearchRow, Trajectory } from '../records/index.js'
import type { Renderer } from '../rendering/index.js'
import type { Scorer } from '../scoring/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import type { SearchOptions } from './options.js'

/** What the search of one trajectory works with. */
export interface SearchInput {
  trajectory: Trajectory
  /** The facts that a step's thought may be made of. */
  requestFor(episode: number, step: number): ThoughtRequest
  read: SpanReader
  generator: Pick<Generator, 'rewrite'>
  scorer: Scorer
  tokenizer: Tokenizer
  renderer: Renderer
  options: SearchOptions
  /** Noise of a mean log-probability, in nats; see `measureNoise`. */
  noise: number
  /** Decides the random draws, together with the trajectory's id. */
  seed: number
  /** Rows that an earlier, interrupted run decided, in order; they are taken over, not scored again. */
  decided: readonly SearchRow[]
  /** Called as soon as a thought is decided, before the next one is scored. */
  onRow(row: SearchRow): void
  signal?: AbortSignal
}
