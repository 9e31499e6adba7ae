import { RetraceError } from '../../core/index.js'
import { createGenerator, type Generator } from '../../generation/index.js'
import { Ledger } from './ledger.js'
import type { Run } from './run-folder.js'

/** Who writes the words of a run, with the account of what that cost. */
export interface Writer {
  generator: Generator
  ledger: Ledger
}

export function openWriter({ store, config, context }: Run): Writer {
  const ledger = new Ledger(store)
  const generator = createGenerator(config.generation, {
    blobs: store.blobs,
    budget: ledger.left(context.budget ?? { calls: null, tokens: null }),
    seed: config.seed,
    onSend: (keys) => ledger.send(keys),
    onUnpaid: (keys) => ledger.giveBack(keys),
    onCall: (row) => ledger.add(row),
    signal: context.signal,
  })
  return { generator, ledger }
}

export function isBudgetSpent(error: unknown): boolean {
  return error instanceof RetraceError && error.code === 'BUDGET_SPENT'
}
