import * as assert from 'uvu/assert'
import { seededRandom } from '../../src/core/index.js'
import { loadAddon } from '../../src/scoring/backends/native/load-addon.js'
import { createScorer, type Branch, type Scorer } from '../../src/scoring/index.js'
import { scorerContract } from '../scoring/contract.js'
import { shippedModel, suiteUnless, tinyLlama, whyNoNative } from '../scoring/native-support.js'

// `npm run test:gpu`. On a machine without a usable GPU all of it is skipped, with the reason.

async function whyNoGpu(): Promise<string | null> {
  if (whyNoNative !== null) return whyNoNative
  const { cuda } = JSON.parse(await loadAddon().probe()) as { cuda: { count: number; error?: string } }
  return cuda.count > 0 ? null : `no usable GPU: ${cuda.error ?? 'none was found'}`
}

const reason = await whyNoGpu()
const make = (modelDir: string, cacheMiB?: number): Promise<Scorer> =>
  createScorer({ backend: 'native', device: 'cuda', modelDir, ...(cacheMiB === undefined ? {} : { cacheMiB }) })

suiteUnless(reason, 'native on the GPU, the contract', (test) => scorerContract(test, () => make(tinyLlama))).run()

suiteUnless(reason, 'native on the GPU, exactness', (test) => {
  const random = seededRandom('native on the GPU', '')
  const tokensOf = (count: number): Uint32Array => Uint32Array.from({ length: count }, () => random.below(4096))
  const behind = (tokens: Uint32Array, targets: number): Branch => ({
    tokens,
    scored: [{ start: tokens.length - targets, end: tokens.length }],
  })
  const bitsOf = async (scorer: Scorer, before: Uint32Array, branches: Branch[]): Promise<string[]> => {
    const prefix = await scorer.open(before)
    const scores = await scorer.score(prefix, branches)
    scorer.close(prefix)
    return scores.map(({ logProbs }) => Buffer.from(logProbs.buffer).toString('hex'))
  }

  test('a branch has the same bits alone, among fifteen others, in any order and in a cache that is too small', async () => {
    const before = tokensOf(700)
    const branches = Array.from({ length: 16 }, (_, i) => behind(tokensOf(30 + 13 * i), 12 + i))
    const roomy = await make(shippedModel)
    const together = await bitsOf(roomy, before, branches)
    assert.equal(await bitsOf(roomy, before, [...branches].reverse()), [...together].reverse())
    await roomy.dispose()
    for (const cacheMiB of [1024, 16]) {
      const scorer = await make(shippedModel, cacheMiB)
      for (const [i, branch] of branches.entries()) assert.equal(await bitsOf(scorer, before, [branch]), [together[i]])
      assert.equal(await bitsOf(scorer, before, branches), together)
      await scorer.dispose()
    }
  })

  test('a path has the same bits wherever it is split, cold and warm', async () => {
    const path = tokensOf(900)
    const scorer = await make(shippedModel)
    const [expected] = await bitsOf(scorer, path.slice(0, 1), [behind(path.slice(1), 40)])
    for (const end of [2, 64, 127, 128, 129, 500, 640, 859]) {
      const cold = await make(shippedModel)
      for (const one of [cold, scorer]) {
        assert.equal(
          await bitsOf(one, path.slice(0, end), [behind(path.slice(end), 40)]),
          [expected],
          `split at ${end}`,
        )
      }
      await cold.dispose()
    }
    await scorer.dispose()
  })

  test('in bfloat16 the shipped model stays near its float32 scores', async () => {
    const [before, branch] = [tokensOf(1000), behind(tokensOf(200), 150)]
    const meansOf = async (scorer: Scorer): Promise<Float32Array> => {
      const [score] = await scorer.score(await scorer.open(before), [branch])
      await scorer.dispose()
      return score!.logProbs
    }
    const found = await meansOf(await make(shippedModel))
    const exact = await meansOf(await createScorer({ backend: 'native', device: 'cpu', modelDir: shippedModel }))
    const meanError = found.reduce((sum, value, i) => sum + Math.abs(value - exact[i]!), 0) / found.length
    // bfloat16 keeps 8 bits: 2^-9 of relative rounding in each of some 30 steps in a row, on logits of a size near 10.
    assert.ok(meanError < 0.1, `${meanError} nats a token`)
  })
}).run()
