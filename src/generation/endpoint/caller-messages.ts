import type { WireError } from '../../core/index.js'
import type { EndpointOptions } from './options.js'
import type { RequestForm } from './request-body.js'

/** What the process that makes the calls needs. The API key is not part of it: it stays in the environment. */
export type CallerSettings = Pick<
  EndpointOptions,
  'baseUrl' | 'model' | 'apiKeyEnv' | 'timeoutMs' | 'maxAttempts' | 'maxRetryWaitMs'
> & { cacheDir: string }

/**
 * A message to the process that makes the calls. `forms` are ways to ask for one answer; if the server refuses a form,
 * the next one is tried.
 */
export type CallerCommand =
  { command: 'begin'; settings: CallerSettings } | { command: 'ask'; id: number; forms: readonly RequestForm[] }

/** How an `ask` ended. The answer itself is in the cache by then. */
export type CallOutcome = { failures: Record<string, number> } & (
  | { kind: 'answered'; key: string; paid: boolean; format: RequestForm['format'] }
  /** Another process is making this call at the moment. */
  | { kind: 'held'; key: string }
  /** `isPaid`: the server answered, but with nothing. */
  | { kind: 'failed'; error: WireError; isPaid: boolean }
  | { kind: 'stopped' }
)

/** A message from the process that makes the calls. */
export interface CallerReport {
  id: number
  outcome: CallOutcome
}
