import type { BlobStore } from '../core/index.js'
import type { LedgerRow } from '../records/index.js'

/** What a run may still spend on calls; `null` means no limit. Answers from the cache cost nothing. */
export interface Budget {
  calls: number | null
  /** Tokens of prompts and answers together. */
  tokens: number | null
}

/** What a generator that makes calls needs from its run. */
export interface GenerationContext {
  /** Keeps every raw call with the run. */
  blobs: BlobStore
  budget: Budget
  /** Part of the seed of every call, so that runs with other seeds get other answers. */
  seed: number
  /**
   * Called before a call is sent, with every cache key that its answer may get. After a kill, the run knows by these
   * keys which answers in the cache it has to pay for.
   */
  onSend?(keys: readonly string[]): void
  /** Called when a call that was sent brought nothing that costs. */
  onUnpaid?(keys: readonly string[]): void
  /** Called once for each answered call, as soon as the answer is there. */
  onCall(row: LedgerRow): void
  signal?: AbortSignal | undefined
}
