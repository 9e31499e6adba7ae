import type { Attempt } from './attempt.js'
import type { Failure } from './failure.js'

interface RetryLimits {
  /** The first attempt included. */
  maxAttempts: number
  maxRetryWaitMs: number
}

/** Time and chance; a test can replace them. */
export interface Clock {
  /** Waits; returns at once if `stop` is aborted, or when it becomes so. */
  sleep(ms: number, stop: AbortSignal): Promise<void>
  /** In `[0, 1)`. */
  random(): number
}

export type AskResult =
  | { kind: 'answered'; attempt: Extract<Attempt, { ok: true }>; failures: Record<string, number> }
  | { kind: 'failed'; failure: Failure; attempts: number; failures: Record<string, number> }
  /** Stopped between two attempts, so that none is under way. */
  | { kind: 'stopped'; failures: Record<string, number> }

const firstWaitMs = 1000
/** A model that gave this many empty answers would give more of them. */
const maxEmptyAnswers = 3

/** Asks until there is an answer, a failure that is not transient, or no attempt left. Counts failures by kind. */
export async function askUntilAnswered(
  ask: () => Promise<Attempt>,
  limits: RetryLimits,
  clock: Clock,
  stop: AbortSignal,
): Promise<AskResult> {
  const failures: Record<string, number> = {}
  for (let attempts = 1; !stop.aborted; attempts++) {
    const attempt = await ask()
    if (attempt.ok) return { kind: 'answered', attempt, failures }
    const { failure } = attempt
    const times = (failures[failure.kind] = (failures[failure.kind] ?? 0) + 1)
    const isAlwaysEmpty = failure.kind === 'empty' && times >= maxEmptyAnswers
    if (!failure.isTransient || isAlwaysEmpty || attempts >= limits.maxAttempts)
      return { kind: 'failed', failure, attempts, failures }
    await clock.sleep(retryWaitMs(attempts, failure.retryAfterMs, limits.maxRetryWaitMs, clock.random()), stop)
  }
  return { kind: 'stopped', failures }
}

/**
 * How long to wait after attempt number `attempts` failed: what the server asks for, otherwise a random part of a time
 * that doubles with each attempt (full jitter, so that calls that failed together do not come back together); at most
 * `maxWaitMs`.
 */
export function retryWaitMs(attempts: number, serverWaitMs: number | null, maxWaitMs: number, random: number): number {
  const wait = serverWaitMs ?? random * firstWaitMs * 2 ** (attempts - 1)
  return Math.min(wait, maxWaitMs)
}
