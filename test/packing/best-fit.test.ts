import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { seededRandom } from '../../src/core/index.js'
import { packBestFit } from '../../src/packing/best-fit.js'

const test = suite('best fit')

const problem = fc
  .integer({ min: 1, max: 300 })
  .chain((capacity) =>
    fc.tuple(fc.array(fc.integer({ min: 1, max: capacity }), { maxLength: 120 }), fc.constant(capacity)),
  )

function loadsOf(bins: readonly number[][], lengths: readonly number[]): number[] {
  return bins.map((bin) => bin.reduce((sum, index) => sum + (lengths[index] ?? Number.NaN), 0))
}

/** Best fit decreasing by its definition, quadratic: the twin. */
function packSlowly(lengths: readonly number[], capacity: number): number[] {
  const loads: number[] = []
  for (const length of [...lengths].sort((a, b) => b - a)) {
    const fitting = loads.filter((load) => load + length <= capacity)
    if (fitting.length === 0) loads.push(length)
    else loads[loads.indexOf(Math.max(...fitting))] = Math.max(...fitting) + length
  }
  return loads.sort((a, b) => a - b)
}

function packFirstFit(lengths: readonly number[], capacity: number): number[] {
  const loads: number[] = []
  for (const length of lengths) {
    const bin = loads.findIndex((load) => load + length <= capacity)
    if (bin < 0) loads.push(length)
    else loads[bin] = (loads[bin] ?? 0) + length
  }
  return loads
}

test('every item is in exactly one bin and no bin is over capacity', () => {
  fc.assert(
    fc.property(problem, ([lengths, capacity]) => {
      const bins = packBestFit(lengths, capacity)
      assert.equal(
        bins.flat().sort((a, b) => a - b),
        lengths.map((_, index) => index),
      )
      assert.ok(loadsOf(bins, lengths).every((load) => load > 0 && load <= capacity))
    }),
  )
})

test('the loads are those of the definition, done slowly', () => {
  fc.assert(
    fc.property(problem, ([lengths, capacity]) => {
      const loads = loadsOf(packBestFit(lengths, capacity), lengths).sort((a, b) => a - b)
      assert.equal(loads, packSlowly(lengths, capacity))
    }),
  )
})

test('any two bins hold more than one capacity, so at most one is half empty', () => {
  fc.assert(
    fc.property(problem, ([lengths, capacity]) => {
      const [least, second] = loadsOf(packBestFit(lengths, capacity), lengths).sort((a, b) => a - b)
      if (least !== undefined && second !== undefined) assert.ok(least + second > capacity)
    }),
  )
})

test('documents of the sizes that trajectories have fill rows better than first fit, and to 99.9 %', () => {
  const random = seededRandom('lengths')
  // Log-normal by twelve uniform numbers: median 7,300 tokens, mean about 12,000.
  const normal = (): number => Array.from({ length: 12 }, () => random.below(1e6) / 1e6).reduce((a, b) => a + b, -6)
  const capacity = 65_536
  const lengths = Array.from({ length: 10_000 }, () => Math.min(capacity, Math.round(7300 * Math.exp(normal()))))
  const bins = packBestFit(lengths, capacity)
  const filled = lengths.reduce((a, b) => a + b) / (bins.length * capacity)
  assert.ok(filled > 0.999, `fill ratio ${filled}`)
  assert.ok(bins.length <= packFirstFit(lengths, capacity).length)
  assert.equal(packBestFit(lengths, capacity), bins)
})

test('a length outside a row is refused', () => {
  assert.throws(() => packBestFit([11], 10), /outside/)
  assert.throws(() => packBestFit([0], 10), /outside/)
})

test.run()
