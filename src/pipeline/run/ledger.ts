import type { RunStore } from '../../core/index.js'
import type { Budget } from '../../generation/index.js'
import { z } from 'zod'
import { ledgerRowSchema, ledgerSendSchema, type LedgerRow } from '../../records/index.js'

/** Calls of a run and what they came to. Tokens are as the server counts them. */
export interface Spending {
  calls: number
  promptTokens: number
  completionTokens: number
}

/** What a run used of a language model, and what of it the run itself paid. */
export interface LedgerSummary {
  /** Every call that an answer was taken from, cached ones among them: the same however often the run was stopped. */
  used: Spending
  /** What this run paid for, over all its starts. */
  paid: Spending
  /** What went wrong and was tried again, by kind. */
  failures: Record<string, number>
}

const lineSchema = z.union([ledgerRowSchema, ledgerSendSchema])

/**
 * A run's calls: a line before each is sent, and one when it is answered, so that a call which came home after the run was
 * killed still counts as paid by it. Which of them were paid depends on what the cache held, and the
 * order on time, so `ledger.jsonl` is left out of the promise of equal bytes.
 */
export class Ledger {
  readonly #known = new Set<string>()
  /** Calls that were sent and of which no answer is known, by the first of their keys. */
  readonly #open = new Map<string, readonly string[]>()
  readonly #sentBefore = new Set<string>()
  readonly #summary: LedgerSummary = { used: nothing(), paid: nothing(), failures: {} }

  constructor(private readonly store: RunStore) {
    for (const line of store.rows('.', 'ledger', lineSchema)) {
      if ('sent' in line) this.#open.set(line.sent[0] ?? '', line.sent)
      else if ('unpaid' in line) this.#open.delete(line.unpaid[0] ?? '')
      else this.#take(line)
    }
    // Their runs are over: they came home, or never will.
    for (const keys of this.#open.values()) for (const key of keys) this.#sentBefore.add(key)
  }

  /** Notes that a call goes out. */
  send(keys: readonly string[]): void {
    this.store.append('.', 'ledger', { sent: keys })
  }

  /** Notes that a call which went out is not paid: it came to nothing, or another run paid it. */
  giveBack(keys: readonly string[]): void {
    this.store.append('.', 'ledger', { unpaid: keys })
  }

  /** Notes a call once, also where a run that was stopped comes by it again. */
  add(row: LedgerRow): void {
    if (this.#known.has(row.key)) return
    const known = { ...row, paid: row.paid || this.#sentBefore.has(row.key) }
    this.store.append('.', 'ledger', known)
    this.#take(known)
  }

  summary(): LedgerSummary {
    return structuredClone(this.#summary)
  }

  /** What is left of a budget for the whole run. Calls that were on their way at a kill count as paid. */
  left({ calls, tokens }: Budget): Budget {
    const { paid } = this.#summary
    const rest = (budget: number | null, spent: number): number | null =>
      budget === null ? null : Math.max(0, budget - spent)
    return {
      calls: rest(calls, paid.calls + this.#open.size),
      tokens: rest(tokens, paid.promptTokens + paid.completionTokens),
    }
  }

  #take({ key, paid, usage, failures }: LedgerRow): void {
    this.#known.add(key)
    for (const [name, keys] of this.#open) if (keys.includes(key)) this.#open.delete(name)
    for (const spending of paid ? [this.#summary.used, this.#summary.paid] : [this.#summary.used]) {
      spending.calls++
      spending.promptTokens += usage.promptTokens
      spending.completionTokens += usage.completionTokens
    }
    for (const [kind, count] of Object.entries(failures)) {
      this.#summary.failures[kind] = (this.#summary.failures[kind] ?? 0) + count
    }
  }
}

const nothing = (): Spending => ({ calls: 0, promptTokens: 0, completionTokens: 0 })
