import fc from 'fast-check'
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import {
  canonicalJson,
  CoreError,
  digestOf,
  fromWireError,
  RetraceError,
  seededRandom,
  sha256Hex,
  toWireError,
  writeFileAtomic,
} from '../../src/core/index.js'

const test = suite('core')
const folder = mkdtempSync(join(tmpdir(), 'retrace-core-'))

test('the digest of known bytes is the one that the standard gives', () => {
  // FIPS 180-2, appendix B.1.
  assert.is(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('canonical JSON does not depend on the order of keys and means the same', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const shuffled = JSON.parse(JSON.stringify(value), (_key, inner: unknown) =>
        inner !== null && typeof inner === 'object' && !Array.isArray(inner)
          ? Object.fromEntries(Object.entries(inner).reverse())
          : inner,
      ) as unknown
      assert.is(canonicalJson(shuffled), canonicalJson(value))
      assert.equal(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))
      assert.is(digestOf(shuffled), digestOf(value))
    }),
  )
})

test('a seeded stream repeats, differs by every part of its name, and shuffles without loss', () => {
  const draw = (...parts: (string | number)[]): number[] => {
    const random = seededRandom(...parts)
    return Array.from({ length: 20 }, () => random.below(1000))
  }
  assert.equal(draw(1, 'a'), draw(1, 'a'))
  assert.not.equal(draw(1, 'a'), draw(2, 'a'))
  assert.not.equal(draw('ab', 'c'), draw('a', 'bc'))
  assert.ok(draw(3).every((value) => value >= 0 && value < 1000))
  const items = Array.from({ length: 50 }, (_, index) => index)
  const shuffled = seededRandom('s').shuffled(items)
  assert.not.equal(shuffled, items)
  assert.equal(
    [...shuffled].sort((a, b) => a - b),
    items,
  )
})

test('a file is replaced whole, and a failed write leaves the old one and no crumbs', () => {
  const path = join(folder, 'deep', 'file.txt')
  writeFileAtomic(path, 'one')
  writeFileAtomic(path, 'two')
  assert.is(readFileSync(path, 'utf8'), 'two')
  assert.throws(() => writeFileAtomic(path, { length: 4 } as unknown as string))
  assert.is(readFileSync(path, 'utf8'), 'two')
  assert.equal(readdirSync(join(folder, 'deep')), ['file.txt'])
})

test('an error keeps code, kind, message and details over a thread border', () => {
  const error = new CoreError('RUN_BUSY', 'It is taken.', { by: 7 })
  const revived = fromWireError(structuredClone(toWireError(error)))
  assert.instance(revived, RetraceError)
  assert.is(revived.code, 'RUN_BUSY')
  assert.is(revived.message, 'It is taken.')
  assert.is(revived.kind, 'run')
  assert.equal(revived.details, { by: 7 })
  const foreign = fromWireError(structuredClone(toWireError(new RetraceError('ODD', 'unit', 'It is odd.'))))
  assert.equal([foreign.code, foreign.kind], ['ODD', 'unit'])
  assert.is(fromWireError(toWireError(new TypeError('odd'))).code, 'WORKER_FAILED')
})

test.run()
