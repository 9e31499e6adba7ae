import { createGenerator, type Generator } from '../../generation/index.js'
import { Ledger } from './ledger.js'
import type { Run } from './run-folder.js'

/** Makes the generator of a run; the ledger of the run keeps account of its calls. */
export function openGenerator({ store, config, context }: Run): Generator {
  const ledger = new Ledger(store)
  return createGenerator(config.generation, {
    blobs: store.blobs,
    budget: ledger.left(context.budget ?? { calls: null, tokens: null }),
    seed: config.seed,
    onSend: (keys) => ledger.send(keys),
    onUnpaid: (keys) => ledger.giveBack(keys),
    onCall: (row) => ledger.add(row),
    signal: context.signal,
  })
}
