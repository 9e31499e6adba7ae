/** Positions `[start, end)` in a branch's tokens. */
export interface Range {
  start: number
  end: number
}

/** Tokens that may follow a prefix; the log-probabilities of `scored` are asked for, the rest is context. */
export interface Branch {
  tokens: Uint32Array
  /** In ascending order, without overlap. Empty where the branch is only committed. */
  scored: Range[]
}

export interface BranchScore {
  /** Natural log-probabilities (nats, each <= 0), one per scored token, in order. */
  logProbs: Float32Array
}

/** What a model folder holds. */
export interface ModelFacts {
  name: string
  /** SHA-256 over config, tokenizer and weights, hex. */
  digest: string
  vocabularySize: number
  /** Most tokens that a prefix and a branch may have together. */
  contextLength: number
}

/** A model and what computes with it. Two scorers that agree in all of it, but for the reason, give the same bits. */
export interface ModelInfo extends ModelFacts {
  /** How it is computed with: `float32` or `bfloat16`. */
  dtype: string
  /** Backend, device and kernels, such as `native cuda: NVIDIA H200, cublasLt + attention mma.sync`. */
  device: string
  /** Why this device, where the choice was left to the backend. */
  deviceReason: string | null
}

/** A pinned prefix. A handle only: the KV lives with the backend until `close`. */
export interface Prefix {
  readonly id: number
  /** Tokens in the prefix. */
  readonly length: number
}

/** What the backend fed to the model since it was made; the proof that nothing is computed twice. */
export interface ScorerCounters {
  prefixTokensComputed: number
  branchTokensComputed: number
  /** Tokens whose KV had been computed before for the same position of the same path. */
  tokensRecomputed: number
  /** Prefix tokens that a score call found ready: what scoring from scratch would have computed again. */
  prefixTokensReused: number
}

/**
 * Log-likelihoods of given tokens under a model: one shared prefix, many branches.
 *
 * A prefix may be empty only where a branch's first token is not scored. Every failure rejects with a `ScoringError`;
 * a failure is never a number. A score of a branch does not depend on which branches it is scored with.
 */
export interface Scorer {
  readonly model: ModelInfo
  open(tokens: Uint32Array): Promise<Prefix>
  /** @throws ScoringError `CONTEXT_TOO_LONG` before any work where a branch does not fit behind the prefix */
  score(prefix: Prefix, branches: Branch[], signal?: AbortSignal): Promise<BranchScore[]>
  /** The prefix with the branch behind it. What scoring the branch computed is kept; the old prefix stays open. */
  commit(prefix: Prefix, branch: Branch): Promise<Prefix>
  close(prefix: Prefix): void
  counters(): Promise<ScorerCounters>
  dispose(): Promise<void>
}
