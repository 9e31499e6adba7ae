import type { Attempt } from './attempt.js'
import type { Failure } from './failure.js'

export interface RetryLimits {
  /** The first attempt included. */
  maxAttempts: number
  maxRetryWaitMs: number
}

/** Time and chance, so that a test can put others in their place. */
export interface Clock {
  /** Waits, or returns at once when `stop` is or becomes aborted. */
  sleep(ms: number, stop: AbortSignal): Promise<void>
  /** In `[0, 1)`. */
  random(): number
}

export type Asked =
  | { kind: 'answered'; attempt: Extract<Attempt, { ok: true }>; failures: Record<string, number> }
  | { kind: 'failed'; failure: Failure; attempts: number; failures: Record<string, number> }
  /** Told to begin nothing new; nothing is on its way. */
  | { kind: 'stopped'; failures: Record<string, number> }

const firstWaitMs = 1000
/** A model that said nothing this often will go on to. */
const maxEmptyAnswers = 3

/** Asks until there is an answer, a failure that will not pass, or no attempt left; counts what went wrong by kind. */
export async function askUntilAnswered(
  ask: () => Promise<Attempt>,
  limits: RetryLimits,
  clock: Clock,
  stop: AbortSignal,
): Promise<Asked> {
  const failures: Record<string, number> = {}
  for (let attempts = 1; !stop.aborted; attempts++) {
    const attempt = await ask()
    if (attempt.ok) return { kind: 'answered', attempt, failures }
    const { failure } = attempt
    const times = (failures[failure.kind] = (failures[failure.kind] ?? 0) + 1)
    const isEmptyForGood = failure.kind === 'empty' && times >= maxEmptyAnswers
    if (!failure.isPassing || isEmptyForGood || attempts >= limits.maxAttempts)
      return { kind: 'failed', failure, attempts, failures }
    await clock.sleep(retryWaitMs(attempts, failure.retryAfterMs, limits.maxRetryWaitMs, clock.random()), stop)
  }
  return { kind: 'stopped', failures }
}

/**
 * How long to wait after the failure of attempt number `attempts`: what the server asks for, else a random part of a
 * time that doubles (full jitter: calls that failed together do not come back together), and never more than the bound.
 */
export function retryWaitMs(attempts: number, askedForMs: number | null, maxWaitMs: number, random: number): number {
  const wait = askedForMs ?? random * firstWaitMs * 2 ** (attempts - 1)
  return Math.min(wait, maxWaitMs)
}
