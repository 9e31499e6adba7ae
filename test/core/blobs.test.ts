import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { ByteCache } from '../../src/core/byte-cache.js'
import { folderBlobStore } from '../../src/core/blobs.js'

const test = suite('blobs')

/** A store with some blobs of 1000 bytes each, and the digests that it read from the disk so far. */
function countingStore(blobs: number, maxCachedBytes: number) {
  const reads: string[] = []
  const read = (path: string): Uint8Array => {
    reads.push(basename(path))
    return readFileSync(path)
  }
  const store = folderBlobStore(mkdtempSync(join(tmpdir(), 'retrace-blobs-')), { maxCachedBytes, read })
  const digests = Array.from({ length: blobs }, (_, index) => store.put(Buffer.alloc(1000, index)))
  return { store, digests, reads }
}

test('a blob is read once for many spans of it', () => {
  const { store, digests, reads } = countingStore(3, 10_000)
  for (let start = 0; start < 1000; start += 10) {
    digests.forEach((digest, index) => {
      assert.equal([...store.get(digest).subarray(start, start + 10)], Array<number>(10).fill(index))
    })
  }
  assert.equal(reads, digests)
})

test('the blob that was used longest ago goes first, and is read and checked again', () => {
  // Room for two: each takes its bytes and a little more.
  const { store, digests, reads } = countingStore(3, 2600)
  const [first, second, third] = digests as [string, string, string]
  for (const digest of [first, second, first, third, first, second]) store.get(digest)
  assert.equal(reads, [first, second, third, second])
})

test('a blob that is larger than the cache is read each time and drives nothing out', () => {
  const { store, digests, reads } = countingStore(2, 1300)
  const large = store.put(Buffer.alloc(2000, 9))
  const [first] = digests as [string]
  for (const digest of [first, large, large, first]) store.get(digest)
  assert.equal(reads, [first, large, large])
})

test('a cache holds no more than it may, also of entries without bytes', () => {
  const cache = new ByteCache(10_000)
  const keys = Array.from({ length: 1000 }, (_, index) => `key ${index}`)
  for (const key of keys) cache.add(key, new Uint8Array(0))
  const kept = keys.filter((key) => cache.get(key) !== undefined)
  assert.ok(kept.length > 0 && kept.length < 100, `${kept.length} are kept`)
  assert.equal(kept, keys.slice(-kept.length))
})

test('what is kept is not the memory that was read into', () => {
  const source = Buffer.from('as it was')
  const folder = mkdtempSync(join(tmpdir(), 'retrace-blobs-'))
  const store = folderBlobStore(folder, { read: () => source })
  const digest = store.put(Buffer.from(source))
  store.get(digest)
  source.fill(0)
  assert.is(Buffer.from(store.get(digest)).toString(), 'as it was')
})

test.run()
