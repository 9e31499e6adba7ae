import type { Message, Usage } from '../records/index.js'

/** What a call is for; its name in the ledger. */
export interface CallPurpose {
  /** Id of the repository. */
  unit: string
  role: string
  /** The file that the call is about; empty for the repository as a whole. */
  path: string
}

/** A request to a language model. Equal requests get the same answer, whoever sends them and however often. */
export interface CompletionRequest {
  messages: readonly Message[]
  /** The JSON schema of the answer; `null` for free text. The model may still answer something else. */
  answer: { name: string; schema: Record<string, unknown> } | null
  maxNewTokens: number
  /** Requests with the same messages and another seed get another answer. */
  seed: number
}

/** An answer. It is only known not to be empty; its text is not checked. */
export interface Completion {
  text: string
  finishReason: 'stop' | 'length' | 'other'
  usage: Usage
  /** Digest of the blob with the whole call. */
  call: string
}

/** Makes calls to a language model, and keeps every answer, so that a call that was paid is not repeated. */
export interface CompletionClient {
  /**
   * @throws GenerationError `ANSWER_EMPTY`, `CONTEXT_TOO_LONG`, `REQUEST_REFUSED` (only this call fails),
   * `BUDGET_SPENT`, `ENDPOINT_UNREACHABLE`, `ENDPOINT_REFUSED`, `API_KEY_MISSING`, `CALLS_BROKEN` (every call fails),
   * CoreError `ABORTED`
   */
  complete(request: CompletionRequest, purpose: CallPurpose): Promise<Completion>
  /** Releases its resources. Calls under way end by themselves, and their answers are kept. */
  dispose(): Promise<void>
}
