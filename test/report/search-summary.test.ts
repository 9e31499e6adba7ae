import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { summarizeSearch } from '../../src/report/index.js'
import { heldAfter } from '../../src/report/search-summary.js'
import type { SearchRow } from '../../src/records/index.js'
import { sampleRows } from './sample-run.js'

const test = suite('search summary')

function near(found: number | null | undefined, expected: number, what: string): void {
  assert.ok(typeof found === 'number' && Math.abs(found - expected) < 1e-12, `${what}: ${found}, expected ${expected}`)
}

// By hand, over rows of 10, 30 and 20 tokens:
// [condition, round, mean of means, sum / tokens, mean thought length, thoughts, mean of means of the same rows' baseline]
const byHand = [
  ['none', 0, -(2 + 1 + 2) / 3, -90 / 60, 0, 3, -5 / 3],
  ['other', 0, -(2.1 + 1.9) / 2, -59 / 30, 8, 2, -2],
  ['first', 0, -(1.8 + 1.8) / 2, -54 / 30, 11, 2, -2],
  ['round', 1, -(1.5 + 1 + 1.8) / 3, -81 / 60, (14 + 0 + 12) / 3, 3, -5 / 3],
  ['round', 2, -(1.5 + 0.8 + 1.8) / 3, -75 / 60, (14 + 8 + 12) / 3, 3, -5 / 3],
  ['round', 3, -(1.2 + 0.8 + 1.8) / 3, -72 / 60, (20 + 8 + 12) / 3, 3, -5 / 3],
] as const

test('the curve has the means, both perplexities and the lengths that a hand computes', () => {
  const { curve, rounds } = summarizeSearch(sampleRows)
  assert.is(rounds, 3)
  assert.is(curve.length, byHand.length)
  byHand.forEach(([condition, round, mean, perToken, length, thoughts, baseline], at) => {
    const point = curve[at]
    const what = `${condition} ${round}`
    assert.is(point?.condition, condition)
    assert.is(point?.round, round)
    assert.is(point?.thoughts, thoughts, what)
    near(point?.meanLogProb, mean, `${what}, mean`)
    near(point?.perplexity, Math.exp(-mean), `${what}, perplexity`)
    near(point?.tokenPerplexity, Math.exp(-perToken), `${what}, by token`)
    near(point?.baselinePerplexity, Math.exp(-baseline), `${what}, baseline`)
    near(point?.meanThoughtTokens, length, `${what}, length`)
  })
  assert.equal(
    curve.map(({ targetTokens }) => targetTokens),
    [60, 30, 30, 60, 60, 60],
  )
})

test('improved thoughts, gains and decisions are counted over what was searched', () => {
  const summary = summarizeSearch(sampleRows)
  assert.is(summary.rows, 4)
  assert.is(summary.searched, 3)
  assert.is(summary.tooLong, 1)
  assert.is(summary.firstStopped, 1)
  assert.is(summary.improved, 2)
  near(summary.improvedShare, 2 / 3, 'share')
  // Gains: 0.8, 0.2, 0.2.
  near(summary.medianGain, 0.2, 'median')
  near(summary.meanGain.kept, 0.4, 'kept')
  near(summary.meanGain.first, 0.2, 'first')
  near(summary.meanGain.other, 0, 'other')
  assert.equal(summary.decisions, [
    { decision: 'no-gain', count: 5 },
    { decision: 'gain', count: 3 },
    { decision: 'leak', count: 2 },
    { decision: 'outdone', count: 1 },
    { decision: 'too-long', count: 1 },
  ])
})

test('the median of an even number of gains lies between the middle two', () => {
  near(summarizeSearch(sampleRows.slice(0, 2)).medianGain, 0.5, 'median of 0.8 and 0.2')
})

test('rows that were too long, and no rows, give no curve and no figures', () => {
  for (const rows of [[], sampleRows.slice(3)]) {
    const summary = summarizeSearch(rows)
    assert.is(summary.rows, rows.length)
    assert.is(summary.tooLong, rows.length)
    assert.is(summary.searched, 0)
    assert.equal(summary.curve, [])
    assert.equal(summary.decisions, [])
    assert.is(summary.improvedShare, null)
    assert.is(summary.medianGain, null)
    assert.equal(summary.meanGain, { other: null, first: null, kept: null })
  }
})

test('a row holds its start until a rewrite is accepted, and what another selector keeps in the end', () => {
  const [improvedTwice, startedBare] = sampleRows as [SearchRow, SearchRow]
  assert.equal(
    [0, 1, 2, 3].map((round) => improvedTwice.candidates.indexOf(heldAfter(improvedTwice, round)!)),
    [2, 4, 4, 7],
  )
  assert.equal(
    [0, 1, 2, 3].map((round) => startedBare.candidates.indexOf(heldAfter(startedBare, round)!)),
    [0, 0, 3, 3],
  )
  const shorter = { ...improvedTwice, chosen: 4 }
  assert.is(heldAfter(shorter, 3), improvedTwice.candidates[4])
  const other = { ...improvedTwice, chosen: 6 }
  assert.equal(
    [1, 2, 3].map((round) => other.candidates.indexOf(heldAfter(other, round)!)),
    [4, 6, 6],
  )
})

test.run()
