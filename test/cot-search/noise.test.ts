import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { measureNoise } from '../../src/cot-search/index.js'
import type { BranchScore, Scorer } from '../../src/scoring/index.js'
import { fakeScorer } from './fakes.js'

const test = suite('noise')
const prefix = Uint32Array.from({ length: 20 }, (_, index) => index)
const branch = { tokens: Uint32Array.of(65, 66, 67, 68), scored: [{ start: 1, end: 4 }] }

/** A scorer that gives every scored token the log-probability that `valueOf` says for the call. */
function scorerWith(valueOf: (prefixLength: number, branches: number) => number): Scorer & { openPrefixes(): number } {
  const scorer = fakeScorer(100)
  return {
    ...scorer,
    score(before, branches): Promise<BranchScore[]> {
      const scores = branches.map(({ scored: [range] }) => {
        const length = (range?.end ?? 0) - (range?.start ?? 0)
        return { logProbs: new Float32Array(length).fill(valueOf(before.length, branches.length)) }
      })
      return Promise.resolve(scores)
    },
  }
}

test('a scorer that always says the same has no noise', async () => {
  const scorer = scorerWith(() => -1.5)
  assert.is(await measureNoise(scorer, prefix, branch), 0)
  assert.is(scorer.openPrefixes(), 0, 'a prefix was left open')
})

test('company, a prefix in pieces and scoring from scratch each count, by the largest difference of the mean', async () => {
  const company = await measureNoise(
    scorerWith((_, branches) => (branches > 1 ? -1.25 : -1.5)),
    prefix,
    branch,
  )
  assert.is(company, 0.25)
  const scratch = await measureNoise(
    scorerWith((length) => (length < 2 ? -2 : -1.5)),
    prefix,
    branch,
  )
  assert.is(scratch, 0.5)
  const scorer = scorerWith(() => -1)
  const commit = scorer.commit.bind(scorer)
  let pieces = false
  scorer.commit = async (...call) => {
    pieces = true
    return commit(...call)
  }
  await measureNoise(scorer, prefix, branch)
  assert.ok(pieces, 'no prefix was committed in pieces')
})

test.run()
