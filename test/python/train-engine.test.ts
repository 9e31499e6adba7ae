import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { pythonVariables, pythonWith } from './python-with.js'

const test = suite('train engine')

const root = process.env.RETRACE_ROOT ?? process.cwd()
const found = pythonWith('torch, transformers, safetensors, numpy')

/** The names of the checks in train_engine_check.py: one that is not run there is missed here. */
const claims = [
  'packed documents equal documents apart',
  'grouped queries equal those of transformers',
  'tied embeddings get the gradient of both their uses',
  'documents are found by position ids alone',
  'chunks of the loss equal all logits at once',
  'no gradient comes from an untrained token',
  'nothing trained gives gradients of zero and not none',
  'rotary frequencies are right and float32 in bfloat16 too',
  'adamw equals its formula with moments of either type',
  'a second moment that bfloat16 cannot shrink is refused',
  'the learning rate is what a hand works out',
  'the gradient is clipped to its norm',
  'the exported folder loads in transformers with the same logits',
  'scaled positions are exported for transformers 4 and 5',
  'a checkpoint is whole or refused by name',
  'a checkpoint that cannot be written is told',
  'ranks change neither random weights nor the gradient nor a checkpoint',
]

/** What was wrong with each claim, by its name; `null`: nothing. */
const seen = new Map<string, string | null>()
let errors = ''

test.before(() => {
  if ('reason' in found) return
  const script = join(root, 'test/python/train_engine_check.py')
  const env = { ...process.env, ...pythonVariables }
  const { stdout, stderr } = spawnSync(found.python, [script], { encoding: 'utf8', env })
  errors = stderr
  for (const line of stdout.trim().split('\n').filter(Boolean)) {
    const { claim, wrong } = JSON.parse(line) as { claim: string; wrong: string | null }
    seen.set(claim, wrong)
  }
})

for (const claim of claims) {
  const name = `training engine: ${claim}`
  if ('reason' in found) {
    process.stdout.write(`skipped: "${name}": ${found.reason}\n`)
    test.skip(name, () => {})
  } else {
    test(name, () => {
      assert.ok(seen.has(claim), `not checked:\n${errors.slice(-2000)}`)
      assert.is(seen.get(claim), null)
    })
  }
}

if (!('reason' in found)) {
  test('training engine: every claim that is checked is named here', () => {
    assert.equal([...seen.keys()].sort(), [...claims].sort())
  })
}

test.run()
