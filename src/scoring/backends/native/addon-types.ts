// The functions of `retrace.node`, by hand; `native/addon/addon.cc` is the other side, and a test compares the two. Wrong
// arguments throw a TypeError or RangeError at once; every other failure rejects with a `NativeError`.

declare const kind: unique symbol
/** A scorer's share of a loaded engine. Garbage collection disposes of it. */
export interface ScorerHandle {
  readonly [kind]: 'scorer'
}
/** An open prefix. Garbage collection closes it. */
export interface PrefixHandle {
  readonly [kind]: 'prefix'
}

/** Work for the engine's thread. */
export interface NativeJob<T> {
  promise: Promise<T>
  /** For `abort`. */
  job: number
}

export interface NativeError extends Error {
  code: string
  details: { needed?: number; available?: number; file?: string; line?: number; nativeStatus?: number }
}

/** 0, or leaving an option out, means its default. Scorers with the same options share one engine. */
interface NativeOptions {
  modelDir: string
  /** Digest of the model's files. */
  identity?: string
  device?: 'auto' | 'cpu' | 'cuda' | 'emulated'
  kernels?: string
  /** Which GPU. */
  gpu?: number
  /** 0: the device's own, 1: float32, 2: bfloat16. */
  precision?: 0 | 1 | 2
  threads?: number
  /** Tokens of a cache page. */
  pageTokens?: number
  /** Tokens of one forward pass. */
  maxBatchRows?: number
  cacheBytes?: number
  /** Most calls that may wait. */
  maxQueuedJobs?: number
}

interface NativeCounters {
  prefixTokensComputed: number
  branchTokensComputed: number
  tokensRecomputed: number
  prefixTokensReused: number
  forwardPasses: number
  pagesEvicted: number
}

export interface NativeAddon {
  /** Raised with every change of this interface. */
  abi: number
  /** JSON: what each device finds on this machine, and which of them `auto` is. */
  probe(): Promise<string>
  load(options: NativeOptions): Promise<ScorerHandle>
  open(scorer: ScorerHandle, tokens: Uint32Array): NativeJob<PrefixHandle>
  /**
   * Branches one after another: all tokens, how many are of each branch, how many ranges each has, and all ranges as
   * pairs [start, end) in their branch. Log-probabilities of all scored tokens, in the same order.
   */
  score(
    scorer: ScorerHandle,
    prefix: PrefixHandle,
    tokens: Uint32Array,
    tokenCounts: Uint32Array,
    rangeCounts: Uint32Array,
    ranges: Uint32Array,
  ): NativeJob<Float32Array>
  commit(scorer: ScorerHandle, prefix: PrefixHandle, tokens: Uint32Array): NativeJob<PrefixHandle>
  close(prefix: PrefixHandle): void
  /** Rejects a job with `ABORTED`: at once where it waits, at the next layer where it is under way. */
  abort(scorer: ScorerHandle, job: number): void
  counters(scorer: ScorerHandle): NativeCounters
  /** JSON: device, kernels, sizes, and what is in the cache. */
  describe(scorer: ScorerHandle): NativeJob<string>
  /** Checks that every page of the cache is accounted for. */
  audit(scorer: ScorerHandle): NativeJob<void>
  /** Drops everything that no open prefix holds. */
  dropUnpinned(scorer: ScorerHandle): NativeJob<void>
  dispose(scorer: ScorerHandle): Promise<void>
}
