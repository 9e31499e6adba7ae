import { z } from 'zod'
import type { RunStore } from '../../core/index.js'
import type { Budget } from '../../generation/index.js'
import { ledgerRowSchema, ledgerSendSchema, type LedgerRow } from '../../records/index.js'

/** Numbers of calls and of tokens, as the server counts them. */
export interface Spending {
  calls: number
  promptTokens: number
  completionTokens: number
}

/** How much a run used a language model, and how much of it the run itself paid for. */
export interface LedgerSummary {
  /** Every call whose answer was used, cached answers included: the same however often the run was stopped. */
  used: Spending
  /** The calls that this run paid for, over all its starts. */
  paid: Spending
  /** Failed attempts that were repeated, by kind. */
  failures: Record<string, number>
}

const lineSchema = z.union([ledgerRowSchema, ledgerSendSchema])

/**
 * A run's calls: a line before each is sent, and one when it is answered, so that a call that was answered after the run
 * was killed still counts as paid by it. Which calls are paid depends on the cache, and their order on time, so
 * `ledger.jsonl` is not among the files that are equal from run to run.
 */
export class Ledger {
  readonly #known = new Set<string>()
  /** Calls that were sent and not answered yet, by the first of their keys. */
  readonly #open = new Map<string, readonly string[]>()
  readonly #sentBefore = new Set<string>()
  readonly #summary: LedgerSummary = { used: nothing(), paid: nothing(), failures: {} }

  readonly #store: RunStore

  constructor(store: RunStore) {
    this.#store = store
    for (const line of store.rows('.', 'ledger', lineSchema)) {
      if ('sent' in line) this.#open.set(line.sent[0] ?? '', line.sent)
      else if ('unpaid' in line) this.#open.delete(line.unpaid[0] ?? '')
      else this.#take(line)
    }
    // These were sent by earlier starts: they were answered meanwhile, or never will be.
    for (const keys of this.#open.values()) for (const key of keys) this.#sentBefore.add(key)
  }

  /** Notes that a call is sent. */
  send(keys: readonly string[]): void {
    this.#store.append('.', 'ledger', { sent: keys })
  }

  /** Notes that a call that was sent is not paid: it failed, or another run paid for it. */
  giveBack(keys: readonly string[]): void {
    this.#store.append('.', 'ledger', { unpaid: keys })
  }

  /** Notes an answered call; a call that is noted already, as the run was stopped and repeats it, is not noted again. */
  add(row: LedgerRow): void {
    if (this.#known.has(row.key)) return
    const known = { ...row, paid: row.paid || this.#sentBefore.has(row.key) }
    this.#store.append('.', 'ledger', known)
    this.#take(known)
  }

  summary(): LedgerSummary {
    return structuredClone(this.#summary)
  }

  /** The rest of a budget for the whole run. Calls that were under way at a kill count as paid. */
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
