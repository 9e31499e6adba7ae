import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import * as fc from 'fast-check'
import { binValues } from '../../src/report/charts/histogram.js'
import { niceTicks, percentOf, sameDigits } from '../../src/report/charts/scale.js'
import {
  formatCount,
  formatPercent,
  formatSeconds,
  formatShort,
  formatSigned,
  formatSmall,
} from '../../src/report/format.js'

const test = suite('charts')

test('ticks are round, cover the values and print without noise', () => {
  assert.equal(niceTicks(0, 2500, 4), [0, 1000, 2000, 3000])
  assert.equal(niceTicks(0, 0.3, 3), [0, 0.1, 0.2, 0.3])
  assert.equal(niceTicks(8.3, 9.7, 4), [8, 8.5, 9, 9.5, 10])
  const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true })
  fc.assert(
    fc.property(
      finite,
      fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
      fc.integer({ min: 2, max: 12 }),
      (low, span, count) => {
        const ticks = niceTicks(low, low + span, count)
        const slack = span * 1e-6
        assert.ok((ticks[0] as number) <= low + slack && (ticks.at(-1) as number) >= low + span - slack, String(ticks))
        assert.ok(ticks.length >= 2 && ticks.length <= count + 3, `${ticks.length} ticks for ${count}`)
      },
    ),
  )
})

test('ticks of one axis have equally many digits', () => {
  assert.equal([8, 8.5, 9].map(sameDigits([8, 8.5, 9])), ['8.0', '8.5', '9.0'])
  assert.equal([0, 50].map(sameDigits([0, 50])), ['0', '50'])
})

test('every value falls in one bin, and in the right one', () => {
  assert.equal(
    binValues([0, 0.5, 1, 2.9, 3], 3).map(({ from, to, count }) => [from, to, count]),
    [
      [0, 1, 2],
      [1, 2, 1],
      [2, 3, 2],
    ],
  )
  assert.equal(binValues([], 5), [])
  const values = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(values, (list) => {
      assert.is(
        binValues(list, 12).reduce((sum, { count }) => sum + count, 0),
        list.length,
      )
    }),
  )
})

test('numbers read as people write them', () => {
  assert.equal([0, 999, 12083, 1234567].map(formatCount), ['0', '999', '12,083', '1,234,567'])
  assert.equal([842, 12083, 50000, 3_400_000].map(formatShort), ['842', '12.1k', '50k', '3.4M'])
  assert.equal(
    [0.5, -0.25, 0, null].map((value) => formatSigned(value, 2)),
    ['+0.50', '−0.25', '0.00', '–'],
  )
  assert.equal([0, 0.00002, 0.0123, 1.5].map(formatSmall), ['0', '0.000020', '0.012', '1.50'])
  assert.equal([0.05, 12.34, 143, 7260].map(formatSeconds), [
    '50\u00a0ms',
    '12.3\u00a0s',
    '2\u00a0min 23\u00a0s',
    '2\u00a0h 1\u00a0min',
  ])
  assert.is(percentOf(1, 3), '33.333%')
})

test('less than all is never shown as 100 per cent', () => {
  assert.equal(
    [1, 0.9999, 0.5, null].map((share) => formatPercent(share)),
    ['100\u00a0%', '99\u00a0%', '50\u00a0%', '–'],
  )
  assert.is(formatPercent(0.99999, 1), '99.9\u00a0%')
})

test.run()
