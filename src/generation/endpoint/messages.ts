import type { WireError } from '../../core/index.js'
import type { EndpointOptions } from './options.js'
import type { Question } from './request-body.js'

/** What the process that makes the calls has to know. The key is not among it: that stays in the environment. */
export type CallerSettings = Pick<
  EndpointOptions,
  'baseUrl' | 'model' | 'apiKeyEnv' | 'timeoutMs' | 'maxAttempts' | 'maxRetryWaitMs'
> & { cacheDir: string }

/** To the caller. `questions` are ways to ask for one answer; the next is tried where the server refuses the form of one. */
export type Order =
  { order: 'begin'; settings: CallerSettings } | { order: 'ask'; id: number; questions: readonly Question[] }

/** What came of an `ask`. The answer itself lies in the cache by then. */
export type Outcome = { failures: Record<string, number> } & (
  | { kind: 'answered'; key: string; paid: boolean; format: Question['format'] }
  /** Somebody else asks for the same at this moment. */
  | { kind: 'held'; key: string }
  /** `isPaid`: the server answered, though with nothing. */
  | { kind: 'failed'; error: WireError; isPaid: boolean }
  | { kind: 'stopped' }
)

/** From the caller. */
export interface Report {
  id: number
  outcome: Outcome
}
