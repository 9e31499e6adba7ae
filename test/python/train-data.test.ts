import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { pythonVariables, pythonWith } from './python-with.js'

const test = suite('train data')

const root = process.env.RETRACE_ROOT ?? process.cwd()
const name = 'shards, order, metrics and arithmetic of training hold'

const found = pythonWith('torch, transformers, pyarrow')
if ('reason' in found) {
  process.stdout.write(`skipped: ${name}: ${found.reason}\n`)
  test.skip(name)
} else {
  test(name, () => {
    const script = join(root, 'test/python/train_data_check.py')
    const done = spawnSync(found.python, [script], { encoding: 'utf8', env: { ...process.env, ...pythonVariables } })
    assert.is(done.status, 0, done.stderr)
    assert.match(done.stderr, /Ran [3-9]\d tests/)
  })
}

test.run()
