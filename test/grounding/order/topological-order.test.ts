import fc from 'fast-check'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { topologicalOrder } from '../../../src/grounding/order/topological-order.js'

const test = suite('topological order')

/** For each number, some of those below it, also twice; and a rank for each number. */
const randomNeeds = fc.integer({ min: 1, max: 12 }).chain((size) =>
  fc.record({
    needs: fc.tuple(
      ...Array.from({ length: size }, (_, at) => fc.array(fc.nat(Math.max(0, at - 1)), { maxLength: at })),
    ),
    ranks: fc.array(fc.nat(3), { minLength: size, maxLength: size }),
  }),
)

/** By search through all numbers at every step: the first of those whose needs are met. */
function slowOrder(needs: readonly (readonly number[])[], compare: (a: number, b: number) => number): number[] {
  const order: number[] = []
  while (order.length < needs.length) {
    const ready = [...needs.keys()].filter(
      (at) => !order.includes(at) && (needs[at] ?? []).every((needed) => order.includes(needed)),
    )
    order.push(ready.sort(compare)[0] as number)
  }
  return order
}

test('at every step the first of those whose needs are met comes next', () => {
  let choices = 0
  fc.assert(
    fc.property(randomNeeds, ({ needs, ranks }) => {
      const compare = (a: number, b: number): number => (ranks[a] as number) - (ranks[b] as number) || b - a
      const order = topologicalOrder(needs, compare)
      assert.equal(order, slowOrder(needs, compare))
      choices += order.filter((at, place) => at !== place).length
    }),
  )
  assert.ok(choices > 0, 'every order was that of the numbers')
})

test('what a cycle needs never comes', () => {
  assert.equal(
    topologicalOrder([[1], [0], []], (a, b) => a - b),
    [2],
  )
})

test.run()
