import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore, seededRandom } from '../../../src/core/index.js'
import {
  createParsePool,
  groundWithSignatures,
  NearDuplicateIndex,
  type RepositorySignatures,
} from '../../../src/grounding/index.js'
import { minTokens, signatureOf, signatureBytes, similarityOf } from '../../../src/grounding/duplicates/minhash.js'
import { writeRepository } from '../repository-fixture.js'

const test = suite('near-duplicates')

/** Words drawn from a few hundred, as code has them. */
function words(seed: string, count: number): string[] {
  const random = seededRandom('near-duplicates', seed)
  return Array.from({ length: count }, () => `w${random.below(600)}`)
}

function signature(text: string): Uint8Array {
  const found = signatureOf(text)
  assert.ok(found !== null)
  return found
}

/** The true Jaccard similarity of the sets of five words in a row. */
function jaccard(a: readonly string[], b: readonly string[]): number {
  const shingles = (list: readonly string[]): Set<string> =>
    new Set(list.slice(4).map((_, at) => list.slice(at, at + 5).join(' ')))
  const [left, right] = [shingles(a), shingles(b)]
  const shared = [...left].filter((words) => right.has(words)).length
  return shared / (left.size + right.size - shared)
}

test('the estimate is near the true similarity, for long and for short texts', () => {
  let seen = 0
  for (const length of [60, 300, 3_000]) {
    let [sum, count] = [0, 0]
    for (let changes = 0; changes < length / 8; changes += Math.ceil(length / 60)) {
      for (let draw = 0; draw < 4; draw++) {
        const text = words(`${length} ${draw}`, length)
        const random = seededRandom('changes', length, draw, changes)
        const other = [...text]
        for (let change = 0; change < changes; change++) other[random.below(length)] = `x${change}`
        const off = similarityOf(signature(text.join(' ')), signature(other.join(' '))) - jaccard(text, other)
        // 4.5 standard deviations of 128 draws at a similarity of 0.5; short texts fill fewer bins.
        assert.ok(Math.abs(off) < (length < 100 ? 0.35 : 0.2), `${length} words, ${changes} changes: off by ${off}`)
        sum += off
        count++
        seen++
      }
    }
    assert.ok(Math.abs(sum / count) < 0.04, `${length} words: off by ${sum / count} on average`)
  }
  assert.ok(seen > 50)
})

test('case, white space and line ends do not count; a text of too few tokens has no signature', () => {
  const text = words('layout', 200).join(' ')
  assert.is(similarityOf(signature(text), signature(text.replace(/ /g, '\r\n\t').toUpperCase())), 1)
  assert.is(signatureOf(words('short', minTokens - 1).join(' ')), null)
  assert.is(signature(words('short', minTokens).join(' ')).length, signatureBytes)
  assert.is(signatureOf(''), null)
})

function repository(id: string, files: Record<string, string>): RepositorySignatures {
  return {
    id,
    files: Object.entries(files).map(([path, text]) => ({
      path,
      sizeBytes: text.length,
      signature: Buffer.from(signature(text)).toString('base64'),
    })),
  }
}

test('a copy with a few changes is found with whose it is, what is new is not', () => {
  const index = new NearDuplicateIndex(0.85)
  const original = words('original', 500)
  const changed = original.map((word, at) => (at % 100 === 50 ? 'changed' : word)).join(' ')
  const first = repository('first', { 'a.py': original.join(' '), 'b.py': words('b', 300).join(' ') })
  assert.equal(index.find(first).files, [], 'the index is empty')
  index.add(first)
  index.add(repository('second', { 'c.py': words('c', 300).join(' ') }))
  const third = repository('third', { 'x.py': changed, 'y.py': words('y', 500).join(' ') })
  const { share, files } = index.find(third)
  assert.equal(
    files.map(({ path, of }) => ({ path, of })),
    [{ path: 'x.py', of: { repository: 'first', path: 'a.py' } }],
  )
  assert.ok((files[0]?.similarity ?? 0) > 0.85)
  const [x, y] = third.files.map((file) => file.sizeBytes)
  assert.is(share, (x as number) / ((x as number) + (y as number)))
  assert.equal(index.find(third).share, share, 'to ask changes nothing')
})

test('files alike within one repository are no near-duplicates of it', () => {
  const index = new NearDuplicateIndex(0.85)
  const text = words('twins', 200).join(' ')
  const twins = repository('twins', { 'a.py': text, 'b.py': text })
  assert.equal(index.find(twins).files, [])
  index.add(twins)
  // The index keeps only the first of the two.
  assert.equal(index.find(repository('later', { 'c.py': text })).files[0]?.of, { repository: 'twins', path: 'a.py' })
})

test('the index grows, finds what it held before, and its bytes per file are as documented', () => {
  const index = new NearDuplicateIndex(0.85)
  const count = 5_000
  const random = seededRandom('many')
  const drawn = Array.from({ length: count }, (_, file) => ({
    path: `${file}.py`,
    sizeBytes: 1,
    signature: Buffer.from(Uint8Array.from({ length: signatureBytes }, () => 1 + random.below(255))).toString('base64'),
  }))
  for (let at = 0; at < count; at += 100) index.add({ id: `r${at}`, files: drawn.slice(at, at + 100) })
  const { files } = index.find({ id: 'all', files: drawn })
  assert.is(files.length, count)
  assert.ok(files.every(({ path, of, similarity }) => path === of.path && similarity === 1))
  // Room for 8,192 files: 128 bytes of signature, links and heads of 16 bands, one repository.
  assert.is(index.sizeBytes, 8_192 * (128 + 16 * 4 + 16 * 4 + 4))
})

test('grounding gives the same signatures with threads and without, of source alone', async () => {
  const code = (seed: string): string =>
    words(seed, 100)
      .map((word) => `${word} = 1`)
      .join('\n') + '\n'
  const folder = writeRepository({
    'a.py': code('a'),
    'b.js': code('b'),
    'tiny.py': 'x = 1\n',
    'README.md': code('readme'),
    LICENSE: code('licence'),
  })
  const pool = createParsePool(2)
  try {
    const alone = await groundWithSignatures(folder, {}, memoryBlobStore())
    const threads = await groundWithSignatures(folder, {}, memoryBlobStore(), { pool })
    assert.equal(threads, alone)
    assert.equal(
      alone.signatures.files.map(({ path }) => path),
      ['a.py', 'b.js'],
    )
    const off = await groundWithSignatures(folder, { duplicates: false }, memoryBlobStore(), { pool })
    assert.equal(off.signatures.files, [])
    assert.equal(off.snapshot, alone.snapshot)
  } finally {
    await pool.dispose()
  }
})

test.run()
