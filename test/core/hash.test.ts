import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { fnv1a, fnv1aStart } from '../../src/core/index.js'

const test = suite('hash')

const hashOf = (text: string): number => [...Buffer.from(text)].reduce(fnv1a, fnv1aStart) >>> 0

test('FNV-1a gives the values of its authors', () => {
  // From the test vectors in draft-eastlake-fnv, "FNV-1a 32".
  assert.is(hashOf(''), 0x811c9dc5)
  assert.is(hashOf('a'), 0xe40c292c)
  assert.is(hashOf('foobar'), 0xbf9cf968)
})

test.run()
