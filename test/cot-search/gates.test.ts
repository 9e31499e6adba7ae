import fc from 'fast-check'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import {
  gateBeforeScore,
  isLeak,
  leastGain,
  measureLeak,
  searchOptionsSchema,
  selectors,
} from '../../src/cot-search/index.js'
import { windowStart } from '../../src/cot-search/prefix-window.js'
import type { Candidate } from '../../src/records/index.js'

const test = suite('gates and leaks')
const options = searchOptionsSchema.parse({})

function candidate(mean: number | null): Candidate {
  return {
    role: 'candidate',
    round: 1,
    thought: { text: 't', facts: [] },
    thoughtTokens: 3,
    score: mean === null ? null : { sum: mean * 2, mean },
    leak: null,
    accepted: false,
    decision: mean === null ? 'leak' : 'no-gain',
  }
}

test('of a round at most one candidate is accepted: the best one above the threshold', () => {
  // Whole numbers: gains far below the precision of a double are no gains to tell apart.
  const mean = fc.oneof(fc.constant(null), fc.integer({ min: -500, max: 0 }))
  fc.assert(
    fc.property(fc.array(mean, { maxLength: 5 }), fc.integer({ min: -500, max: 0 }), (means, best) => {
      const decided = selectors.greedy(means.map(candidate), { mean: best, thoughtTokens: 1 }, 0.5)
      const accepted = decided.filter((one) => one.accepted)
      const gains = means.map((one) => (one === null ? -Infinity : one - best))
      assert.is(accepted.length, gains.some((gain) => gain > 0.5) ? 1 : 0)
      if (accepted[0] !== undefined)
        assert.is(accepted[0].score?.mean, Math.max(...means.map((one) => one ?? -Infinity)))
      decided.forEach((one, index) => {
        if (means[index] === null) assert.is(one.decision, 'leak')
        else if (!one.accepted) assert.is(one.decision, (gains[index] as number) > 0.5 ? 'outdone' : 'no-gain')
      })
    }),
  )
})

test('identical candidates are never a gain', () => {
  const decided = selectors.greedy(
    [candidate(-1), candidate(-1)],
    { mean: -1, thoughtTokens: 1 },
    leastGain(0, options),
  )
  assert.equal(
    decided.map((one) => one.decision),
    ['no-gain', 'no-gain'],
  )
})

test('the threshold is above the noise and never below the floor', () => {
  assert.is(leastGain(0, { ...options, minGain: 0.25, noiseFactor: 4 }), 0.25)
  assert.is(leastGain(0.5, { ...options, minGain: 0.25, noiseFactor: 4 }), 2)
})

test('a thought that is too long, grows too much or leaks is stopped before it is scored', () => {
  const best = { mean: -1, thoughtTokens: 50 }
  const fine = { longestCommonChars: 0, containment: 0 }
  const limits = { ...options, maxThoughtTokens: 100, maxGrowthTokens: 30 }
  assert.is(gateBeforeScore(80, fine, best, limits), null)
  assert.is(gateBeforeScore(81, fine, best, limits), 'too-long')
  assert.is(gateBeforeScore(101, fine, { mean: -1, thoughtTokens: 100 }, limits), 'too-long')
  assert.is(gateBeforeScore(80, { longestCommonChars: 81, containment: 0 }, best, limits), 'leak')
  assert.is(gateBeforeScore(80, { longestCommonChars: 0, containment: 0.31 }, best, limits), 'leak')
})

test('the longest common run counts white space as one blank and leaves out what the context shows', () => {
  const code = 'function add(first,\n    second) { return first + second }'
  assert.is(measureLeak('x return first + second y', code, '', 4).longestCommonChars, ' return first + second '.length)
  assert.is(measureLeak('add(first, second)', code, '', 4).longestCommonChars, 'add(first, second)'.length)
  assert.is(measureLeak('add(first, second)', code, 'add(first, second)', 4).longestCommonChars, 0)
  assert.is(measureLeak('nothing alike here', code, '', 4).longestCommonChars, 0)
})

test('containment is the share of the thought that stands in the unseen code', () => {
  const code = 'one two three four five six'
  assert.is(measureLeak('one two three four', code, '', 4).containment, 1)
  assert.is(measureLeak('one two three four zero', code, '', 4).containment, 0.5)
  assert.is(measureLeak('one two three four', code, 'one two three four', 4).containment, 0)
  assert.is(measureLeak('one two', code, '', 4).containment, 0)
  assert.ok(isLeak({ longestCommonChars: 200, containment: 0 }, options.leak))
})

test('copying the code is always a leak', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{3,9}$/), { minLength: 24, maxLength: 60 }), (words) => {
      const code = words.join(' ')
      assert.ok(isLeak(measureLeak(`Now I write ${code}`, code, '', 4), options.leak))
    }),
  )
})

test('a new window keeps the most recent whole steps, leaves half of the context, and room for the step', () => {
  assert.is(windowStart([10, 10, 10, 10], 5, 20, 60), 2)
  assert.is(windowStart([10, 10, 10, 10], 5, 50, 60), 4)
  assert.is(windowStart([], 5, 20, 60), 0)
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.nat(40), fc.nat(100), (lengths, header, needed) => {
      const start = windowStart(lengths, header, needed, 100)
      const taken = lengths.slice(start).reduce((sum, length) => sum + length, 0)
      const room = Math.min(50, 100 - needed) - header
      assert.ok(start === lengths.length || taken <= room)
      assert.ok(start === 0 || taken + (lengths[start - 1] as number) > room)
    }),
  )
})

test('what is as long as a limit allows passes, and one more does not', () => {
  const { maxThoughtTokens, maxGrowthTokens } = options
  const none = { longestCommonChars: 0, containment: 0 }
  const long = { mean: -1, thoughtTokens: maxThoughtTokens }
  const short = { mean: -1, thoughtTokens: 10 }
  assert.is(gateBeforeScore(maxThoughtTokens, none, long, options), null)
  assert.is(gateBeforeScore(maxThoughtTokens + 1, none, long, options), 'too-long')
  assert.is(gateBeforeScore(10 + maxGrowthTokens, none, short, options), null)
  assert.is(gateBeforeScore(11 + maxGrowthTokens, none, short, options), 'too-long')
})

test('a common run of eight characters counts, and one of seven does not', () => {
  assert.is(measureLeak('abcdefgh', 'xxabcdefghyy', '', 4).longestCommonChars, 8)
  assert.is(measureLeak('abcdefg', 'xxabcdefgyy', '', 4).longestCommonChars, 0)
})

test.run()
