import type { Message, Usage } from '../records/index.js'

/** What a call is for: names it in the ledger. */
export interface CallPurpose {
  /** Id of the repository. */
  unit: string
  role: string
  /** The file that it is about; empty for the repository as a whole. */
  path: string
}

/** One answer wanted of a language model. Equal requests have one answer, whoever asks and however often. */
export interface CompletionRequest {
  messages: readonly Message[]
  /** The JSON that the answer has to be; `null` for free text. What comes back may be something else all the same. */
  answer: { name: string; schema: Record<string, unknown> } | null
  maxNewTokens: number
  /** Sets a draw apart from others of the same messages. */
  seed: number
}

/** What came back, with nothing of it checked but that it is not empty. An empty one that was paid for is kept too. */
export interface Completion {
  text: string
  finishReason: 'stop' | 'length' | 'other'
  usage: Usage
  /** Digest of the blob with the whole call. */
  call: string
}

/** Where completions come from; keeps every answer, so that a call once paid for is not repeated. */
export interface CompletionClient {
  /**
   * @throws GenerationError `ANSWER_EMPTY`, `CONTEXT_TOO_LONG`, `REQUEST_REFUSED` (this call has no answer; others may),
   * `BUDGET_SPENT`, `ENDPOINT_UNREACHABLE`, `ENDPOINT_REFUSED`, `API_KEY_MISSING`, `CALLS_BROKEN` (no call has),
   * CoreError `ABORTED`
   */
  complete(request: CompletionRequest, purpose: CallPurpose): Promise<Completion>
  /** Lets go of what it holds. Calls under way end by themselves and are kept. */
  dispose(): Promise<void>
}
