import type { Candidate } from '../../records/index.js'

/** What a candidate must beat. */
export interface Best {
  /** Mean log-probability of the code, nats per token. */
  mean: number
  thoughtTokens: number
}

/**
 * Decides one round: gives the candidates back in order, each with `accepted` and `decision`, at most one accepted. A
 * candidate that a gate stopped has no score and stays as it is.
 *
 * Pure, over stored scores: a selector can be replayed from the rows of a run.
 *
 * @param leastGain least rise of the mean that counts as a gain, nats per token
 */
export type Selector = (candidates: readonly Candidate[], best: Best, leastGain: number) => Candidate[]
