import type { ModelFacts } from '../model/index.js'

/** Positions `[start, end)` in a branch's tokens. */
export interface Range {
  start: number
  end: number
}

/** Tokens that may follow a prefix. The ranges `scored` are to be scored, the other tokens are context. */
export interface Branch {
  tokens: Uint32Array
  /** Ascending, without overlap. Empty for a branch that is only committed. */
  scored: Range[]
}

export interface BranchScore {
  /** Natural log-probabilities (nats, each <= 0), one per scored token, in order. */
  logProbs: Float32Array
}

/** A model and how it is computed. Two scorers that agree in all fields but the reason give the same bits. */
export interface ModelInfo extends ModelFacts {
  /** Type that it computes in: `float32` or `bfloat16`. */
  dtype: string
  /** Backend, device and kernels, such as `native cuda: NVIDIA H200, cublasLt + attention mma.sync`. */
  device: string
  /** Why this device, where `auto` was asked for; else `null`. */
  deviceReason: string | null
}

/** Handle of an open prefix. The backend holds its keys and values until `close`. */
export interface Prefix {
  readonly id: number
  /** Tokens in the prefix. */
  readonly length: number
}

/** Tokens that the scorer has fed to the model so far. They show that nothing is computed twice. */
export interface ScorerCounters {
  prefixTokensComputed: number
  branchTokensComputed: number
  /** Tokens that had been computed before at the same position of the same path. */
  tokensRecomputed: number
  /** Prefix tokens that score calls found ready. Scoring from scratch would have computed them again. */
  prefixTokensReused: number
}

/**
 * Log-likelihoods of given tokens under a model: one shared prefix, many branches.
 *
 * Behind an empty prefix the first token of a branch cannot be scored. Every failure rejects with a `ScoringError`; no
 * failure is a number. The score of a branch does not depend on the other branches of the call.
 */
export interface Scorer {
  readonly model: ModelInfo
  open(tokens: Uint32Array): Promise<Prefix>
  /** @throws ScoringError `CONTEXT_TOO_LONG` before any work where a branch does not fit behind the prefix */
  score(prefix: Prefix, branches: Branch[], signal?: AbortSignal): Promise<BranchScore[]>
  /** Opens the prefix with the branch behind it, from what scoring the branch computed. The old prefix stays open. */
  commit(prefix: Prefix, branch: Branch): Promise<Prefix>
  close(prefix: Prefix): void
  counters(): Promise<ScorerCounters>
  dispose(): Promise<void>
}
