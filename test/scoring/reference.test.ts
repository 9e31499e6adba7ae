import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createScorer } from '../../src/scoring/index.js'
import { assertClose } from './contract.js'

const modelDir = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures/tiny-llama')

interface Reference {
  prefix: number[]
  target: number[]
  branches: { context: number[]; logProbs: number[] }[]
}
const reference = JSON.parse(readFileSync(join(modelDir, 'reference.json'), 'utf8')) as Reference

test('log-probabilities equal those of Transformers in double precision within 2e-5 nats a token', async () => {
  const scorer = await createScorer({ backend: 'onnx', modelDir })
  try {
    const prefix = await scorer.open(Uint32Array.from(reference.prefix))
    const branches = reference.branches.map(({ context }) => ({
      tokens: Uint32Array.from([...context, ...reference.target]),
      scored: [{ start: context.length, end: context.length + reference.target.length }],
    }))
    const scores = await scorer.score(prefix, branches)
    reference.branches.forEach(({ logProbs }, i) => assertClose([...scores[i]!.logProbs], logProbs, 2e-5))
    assert.ok(reference.branches.some(({ context }) => context.length === 0))
  } finally {
    await scorer.dispose()
  }
})

test.run()
