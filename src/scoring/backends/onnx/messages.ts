import type { WireError } from '../../../core/index.js'
import type { Branch, BranchScore, ScorerCounters } from '../../scorer.js'

/** What the scorer asks of its child process, and what each question is answered with. */
export interface Calls {
  load: { ask: { modelDir: string; threads: number; keptBytes: number }; answer: null }
  open: { ask: { tokens: Uint32Array }; answer: number }
  score: { ask: { prefix: number; branches: Branch[] }; answer: BranchScore[] }
  commit: { ask: { prefix: number; tokens: Uint32Array }; answer: number }
  close: { ask: { prefix: number }; answer: null }
  counters: { ask: Record<string, never>; answer: ScorerCounters }
}
export type CallName = keyof Calls

export type Request = { [Name in CallName]: { id: number; call: Name; ask: Calls[Name]['ask'] } }[CallName]

/** Without an answer: `abort` ends the call of that id before its next branch, `stop` ends the process. */
export type Notice = { call: 'abort'; id: number } | { call: 'stop' }

export type Reply = { id: number; ok: true; answer: unknown } | { id: number; ok: false; error: WireError }
