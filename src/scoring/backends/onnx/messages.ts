import type { WireError } from '../../../core/index.js'
import type { Branch, BranchScore, ScorerCounters } from '../../scorer.js'

/** The calls that a scorer makes to its child process: what it sends, and what comes back. */
export interface Calls {
  load: { input: { modelDir: string; threads: number; keptBytes: number }; answer: null }
  open: { input: { tokens: Uint32Array }; answer: number }
  score: { input: { prefix: number; branches: Branch[] }; answer: BranchScore[] }
  commit: { input: { prefix: number; tokens: Uint32Array }; answer: number }
  close: { input: { prefix: number }; answer: null }
  counters: { input: Record<string, never>; answer: ScorerCounters }
}
export type CallName = keyof Calls

export type Request = { [Name in CallName]: { id: number; call: Name; input: Calls[Name]['input'] } }[CallName]

/** Has no answer. `abort` ends the call of that id before its next branch, `stop` ends the process. */
export type Notice = { call: 'abort'; id: number } | { call: 'stop' }

export type Reply = { id: number; ok: true; answer: unknown } | { id: number; ok: false; error: WireError }
