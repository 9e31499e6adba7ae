import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { RunStore, sha256Hex } from '../../../src/core/index.js'
import { Ledger } from '../../../src/pipeline/run/ledger.js'
import type { LedgerRow } from '../../../src/records/index.js'

const test = suite('ledger')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-ledger-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))
let stores = 0
const newStore = (): RunStore => new RunStore(join(scratch, String(stores++)))

const row = (name: string, paid: boolean): LedgerRow => ({
  ...{ key: sha256Hex(name), unit: 'a-1', role: 'thinker-code', path: 'a.ts', paid },
  usage: { promptTokens: 100, completionTokens: 20 },
  failures: { '429': 2 },
})

test('a call counts once, paid or found, and what is left is what no start has paid', () => {
  const store = newStore()
  const ledger = new Ledger(store)
  ledger.send([sha256Hex('one')])
  ledger.add(row('one', true))
  ledger.add(row('two', false))
  const later = new Ledger(store)
  later.add(row('one', false))
  const { used, paid, failures } = later.summary()
  assert.equal(used, { calls: 2, promptTokens: 200, completionTokens: 40 })
  assert.equal(paid, { calls: 1, promptTokens: 100, completionTokens: 20 })
  assert.equal(failures, { '429': 4 })
  assert.equal(later.left({ calls: 10, tokens: 1000 }), { calls: 9, tokens: 880 })
  assert.equal(later.left({ calls: null, tokens: 50 }), { calls: null, tokens: 0 })
})

test('a call that was on its way when the run was killed is paid by the run that finds its answer', () => {
  const store = newStore()
  new Ledger(store).send([sha256Hex('strong form'), sha256Hex('weak form')])
  const resumed = new Ledger(store)
  assert.is(resumed.left({ calls: 5, tokens: null }).calls, 4)
  resumed.add(row('weak form', false))
  assert.is(resumed.summary().paid.calls, 1)
  assert.is(new Ledger(store).left({ calls: 5, tokens: null }).calls, 4)
})

test('a call that came to nothing gives its place in the budget back', () => {
  const store = newStore()
  const ledger = new Ledger(store)
  ledger.send([sha256Hex('lost')])
  ledger.giveBack([sha256Hex('lost')])
  assert.is(new Ledger(store).left({ calls: 5, tokens: null }).calls, 5)
})

test.run()
