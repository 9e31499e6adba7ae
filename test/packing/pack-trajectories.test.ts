import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { tableFromIPC } from 'apache-arrow'
import { readParquet } from 'parquet-wasm/node'
import {
  PackingError,
  ignoreIndex,
  packTrajectories,
  packingOptionsSchema,
  readShard,
  type PackingOptions,
  type ShardRow,
} from '../../src/packing/index.js'
import { tokenizeTrajectory } from '../../src/packing/document.js'
import { shardManifestSchema, type ShardManifest, type Trajectory } from '../../src/records/index.js'
import { seededRandom } from '../../src/core/index.js'
import { createRenderer } from '../../src/rendering/index.js'
import { readSpan, trajectoryOfSizes } from './random-trajectories.js'
import { byteTokenizer } from './byte-tokenizer.js'

const test = suite('pack trajectories')

const renderer = createRenderer('llama3-chat')
const folders: string[] = []

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-packing-'))
  folders.push(folder)
  return folder
}
test.after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

/** Sixty trajectories of two domains, short and long, one step among them longer than a row. */
const trajectories: Trajectory[] = Array.from({ length: 60 }, (_, index) => {
  const random = seededRandom('packing test', index)
  const sizes = Array.from({ length: 1 + random.below(9) }, () => 1 + random.below(500))
  if (index === 7) sizes.splice(1, 0, 5000)
  return trajectoryOfSizes(`t${index}`, sizes, index % 3 === 0 ? 'python' : 'typescript')
})

function optionsOf(overrides: Partial<PackingOptions> = {}): PackingOptions {
  return packingOptionsSchema.parse({ sequenceLength: 2000, maxShardTokens: 10_000, ...overrides })
}

async function pack(folder: string, overrides: Partial<PackingOptions> = {}): Promise<ShardManifest> {
  return packTrajectories(
    { trajectories, read: readSpan, tokenizer: byteTokenizer, renderer, folder },
    optionsOf(overrides),
  )
}

async function rowsOf(folder: string, manifest: ShardManifest, format: string): Promise<ShardRow[]> {
  const files = manifest.shards.filter((shard) => shard.format === format)
  return (await Promise.all(files.map(({ file }) => readShard(join(folder, file))))).flat()
}

/** Documents of a row: id, ids and labels. */
function documentsOf(row: ShardRow): { id: string; ids: number[]; labels: number[] }[] {
  let start = 0
  return row.docIds.map((id, index) => {
    const end = start + (row.seqLengths[index] ?? 0)
    const document = { id, ids: [...row.inputIds.subarray(start, end)], labels: [...row.labels.subarray(start, end)] }
    start = end
    return document
  })
}

test('rows hold whole pieces of one domain, lengths add up, and no document is a target of another', async () => {
  const folder = newFolder()
  const manifest = await pack(folder)
  const rows = await rowsOf(folder, manifest, 'parquet')
  for (const row of rows) {
    assert.ok(row.inputIds.length <= 2000)
    assert.is(row.labels.length, row.inputIds.length)
    assert.is(
      row.seqLengths.reduce((a, b) => a + b, 0),
      row.inputIds.length,
    )
    assert.is(row.docIds.length, row.seqLengths.length)
    for (const { id, ids, labels } of documentsOf(row)) {
      assert.is(labels[0], ignoreIndex)
      assert.is(ids[0], byteTokenizer.special('<|begin_of_text|>'))
      assert.is(trajectories.find((one) => one.id === id.split('#')[0])?.domain, row.domain)
      assert.ok(labels.every((label, i) => label === ignoreIndex || label === ids[i]))
    }
  }
  assert.ok(
    rows.some((row) => row.docIds.length > 1),
    'no row with two documents was seen',
  )
  assert.ok(manifest.packing.documentsCut > 0, 'no document was cut')
  assert.ok(manifest.shards.length > 6, 'there was no second shard')
})

test('the pieces of a document, without what they repeat, are the document, and each is in one row only', async () => {
  const folder = newFolder()
  const manifest = await pack(folder)
  const documents = (await rowsOf(folder, manifest, 'arrow')).flatMap(documentsOf)
  assert.is(new Set(documents.map(({ id }) => id)).size, documents.length)
  let repeated = 0
  for (const trajectory of trajectories) {
    const whole = tokenizeTrajectory(trajectory, renderer, readSpan, byteTokenizer)
    const headerLength = whole.header.ids.length
    const pieces = documents
      .filter(({ id }) => id.split('#')[0] === trajectory.id)
      .sort((a, b) => Number(a.id.split('#')[1] ?? 0) - Number(b.id.split('#')[1] ?? 0))
    const own = pieces.map(({ ids, labels }, index) => {
      if (index === 0) return ids
      repeated += headerLength
      assert.equal(ids.slice(0, headerLength), [...whole.header.ids])
      assert.ok(labels.slice(0, headerLength).every((label) => label === ignoreIndex))
      return ids.slice(headerLength)
    })
    const dropped = manifest.packing.dropped
      .filter(({ document }) => document === trajectory.id)
      .map(({ step }) => step)
    const kept = whole.steps.filter((_, index) => !dropped.includes(index))
    assert.equal(own.flat(), [...whole.header.ids, ...kept.flatMap((run) => [...run.ids])])
  }
  assert.is(repeated, manifest.packing.repeatedHeaderTokens)
})

test('the manifest says what the shards hold', async () => {
  const folder = newFolder()
  const manifest = await pack(folder)
  assert.equal(shardManifestSchema.parse(manifest), manifest)
  for (const shard of manifest.shards) {
    const bytes = readFileSync(join(folder, shard.file))
    assert.is(shard.sha256, createHash('sha256').update(bytes).digest('hex'))
    assert.is(shard.sizeBytes, bytes.length)
    const rows = await readShard(join(folder, shard.file))
    assert.is(shard.rows, rows.length)
    assert.is(
      shard.tokens,
      rows.reduce((sum, row) => sum + row.inputIds.length, 0),
    )
    assert.is(
      shard.trainedTokens,
      rows.reduce((sum, row) => sum + row.labels.filter((label) => label >= 0).length, 0),
    )
  }
  const { packing, domains } = manifest
  const dropped = packing.dropped.reduce((sum, part) => sum + part.tokens, 0)
  assert.equal(
    packing.dropped.map(({ document, step, reason }) => [document, step, reason]),
    [['t7', 1, 'step-longer-than-row']],
  )
  assert.is(packing.tokens - packing.repeatedHeaderTokens + dropped + packing.untrained.tokens, packing.sourceTokens)
  assert.is(packing.documents, 60)
  assert.is(packing.fillRatio, packing.tokens / (packing.rows * 2000))
  for (const key of ['documents', 'pieces', 'tokens', 'trainedTokens'] as const) {
    assert.is(
      Object.values(domains).reduce((sum, domain) => sum + domain[key], 0),
      packing[key],
    )
  }
})

test('Arrow holds what Parquet holds', async () => {
  const folder = newFolder()
  const manifest = await pack(folder)
  const rows = await rowsOf(folder, manifest, 'parquet')
  assert.ok(rows.length > 20)
  assert.equal(await rowsOf(folder, manifest, 'arrow'), rows)
})

test('the same input gives the same bytes, and another seed only another order', async () => {
  const [first, second, third] = [newFolder(), newFolder(), newFolder()]
  const manifest = await pack(first)
  assert.equal(await pack(second), manifest)
  for (const { file } of manifest.shards) {
    assert.ok(readFileSync(join(first, file)).equals(readFileSync(join(second, file))))
  }
  const other = await pack(third, { seed: 1 })
  const names = (rows: ShardRow[]): string[] => rows.map((row) => row.docIds.join())
  const [before, after] = [await rowsOf(first, manifest, 'arrow'), await rowsOf(third, other, 'arrow')].map(names)
  assert.not.equal(before, after)
  assert.equal([...(before ?? [])].sort(), [...(after ?? [])].sort())
})

test('a shard has a row group per row, and a footer and Arrow metadata that say what it is', async () => {
  const folder = newFolder()
  const { shards } = await pack(folder, { formats: ['parquet', 'arrow'] })
  const parquet = shards.find((shard) => shard.format === 'parquet')
  const arrow = shards.find((shard) => shard.format === 'arrow')
  const file = await (
    await import('parquet-wasm/node')
  ).ParquetFile.fromFile(new Blob([readFileSync(join(folder, parquet?.file ?? ''))]))
  assert.is(file.metadata().numRowGroups(), parquet?.rows)
  const table = tableFromIPC(readFileSync(join(folder, arrow?.file ?? '')))
  assert.is(table.batches.length, arrow?.rows)
  const inParquet: unknown = file.metadata().fileMetadata().keyValueMetadata().get('retrace')
  assert.is(inParquet, table.schema.metadata.get('retrace'))
  assert.is((JSON.parse(String(inParquet)) as { tokenizer: string }).tokenizer, byteTokenizer.digest)
})

test('for Megatron the loss mask is aligned with the input and never reaches over a border', async () => {
  const folder = newFolder()
  const manifest = await pack(folder, { megatron: true, formats: ['parquet'] })
  let counted = 0
  for (const { file } of manifest.shards) {
    const table = tableFromIPC(readParquet(readFileSync(join(folder, file))).intoIPCStream())
    for (const [index, row] of (await readShard(join(folder, file))).entries()) {
      const starts = [...(table.getChild('seq_start_id')?.get(index) as Iterable<number>)]
      const mask = [...(table.getChild('loss_mask')?.get(index) as Iterable<number>)]
      assert.is(starts[0], 0)
      const ends = [...starts.slice(1), row.inputIds.length]
      assert.equal(
        ends.map((end, i) => end - (starts[i] ?? 0)),
        [...row.seqLengths],
      )
      for (const [i, start] of starts.entries()) {
        const end = ends[i] ?? 0
        for (let t = start; t < end; t++) {
          const trainsNext = t + 1 < end && row.labels[t + 1] !== ignoreIndex
          assert.is(mask[t], trainsNext ? 1 : 0)
          counted += mask[t] ?? 0
        }
      }
    }
  }
  assert.is(counted, manifest.packing.trainedTokens)
})

test('what an earlier packing left is removed, and nothing else', async () => {
  const folder = newFolder()
  const stale = ['gone-00000.parquet', 'code-00003.arrow', 'code-00001.parquet.4711.tmp']
  for (const name of [...stale, 'notes.parquet', 'manifest.json']) writeFileSync(join(folder, name), 'old')
  const { shards } = await pack(folder)
  const expected = [...shards.map((shard) => shard.file), 'notes.parquet', 'manifest.json'].sort()
  assert.equal(readdirSync(folder).sort(), expected)
})

test('a window of few documents is packed and written before the next is read', async () => {
  const folder = newFolder()
  let seenBeforeEnd = 0
  async function* lazily(): AsyncGenerator<Trajectory> {
    for (const trajectory of trajectories) {
      await setImmediate()
      yield trajectory
      if (existsSync(folder)) seenBeforeEnd = readdirSync(folder).length
    }
  }
  const manifest = await packTrajectories(
    { trajectories: lazily(), read: readSpan, tokenizer: byteTokenizer, renderer, folder },
    optionsOf({ windowDocuments: 10 }),
  )
  assert.ok(seenBeforeEnd > 4, `${seenBeforeEnd} files`)
  const rows = await rowsOf(folder, manifest, 'parquet')
  assert.is(
    rows.reduce((sum, row) => sum + row.docIds.length, 0),
    manifest.packing.pieces,
  )
})

test('no trajectories give an empty manifest and no shard', async () => {
  const folder = newFolder()
  const input = { trajectories: [], read: readSpan, tokenizer: byteTokenizer, renderer, folder }
  const manifest = await packTrajectories(input, optionsOf())
  assert.equal(manifest.shards, [])
  assert.is(manifest.packing.fillRatio, 0)
  assert.equal(shardManifestSchema.parse(manifest), manifest)
})

test('a domain that would lead out of the folder is refused by code', async () => {
  const hostile = [trajectoryOfSizes('evil', [1], '../up')]
  const input = { trajectories: hostile, read: readSpan, tokenizer: byteTokenizer, renderer, folder: newFolder() }
  try {
    await packTrajectories(input, optionsOf())
    assert.unreachable()
  } catch (error) {
    assert.is((error as PackingError).code, 'DOMAIN_INVALID')
  }
})

test('a domain may have a name that every object knows', async () => {
  const named = [trajectoryOfSizes('odd', [1], 'constructor'), trajectoryOfSizes('even', [1], 'toString')]
  const input = { trajectories: named, read: readSpan, tokenizer: byteTokenizer, renderer, folder: newFolder() }
  const { domains, packing } = await packTrajectories(input, optionsOf())
  assert.equal(Object.keys(domains).sort(), ['constructor', 'toString'])
  assert.is((domains['constructor']?.tokens ?? 0) + (domains['toString']?.tokens ?? 0), packing.tokens)
})

test('a packing that fails leaves no half-written shard', async () => {
  const folder = newFolder()
  const inTheWay = `typescript-00000.arrow.${process.pid}.tmp`
  mkdirSync(join(folder, inTheWay))
  await pack(folder).then(
    () => assert.unreachable(),
    (error: NodeJS.ErrnoException) => assert.is(error.code, 'EISDIR'),
  )
  const left = readdirSync(folder).filter((name) => name !== inTheWay && !/^python-\d+\.(parquet|arrow)$/.test(name))
  assert.equal(left, [])
})

test('an abort stops packing with its code', async () => {
  const input = { trajectories, read: readSpan, tokenizer: byteTokenizer, renderer, folder: newFolder() }
  try {
    await packTrajectories({ ...input, signal: AbortSignal.abort() }, optionsOf())
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ABORTED')
  }
})

test('a file that is no shard is refused with its path', async () => {
  const path = join(newFolder(), 'x-00000.parquet')
  writeFileSync(path, Buffer.alloc(100, 7))
  assert.ok(statSync(path).size)
  for (const name of [path, path.replace('.parquet', '.arrow')]) {
    writeFileSync(name, Buffer.alloc(100, 7))
    try {
      await readShard(name)
      assert.unreachable()
    } catch (error) {
      assert.is((error as PackingError).code, 'SHARD_INVALID')
      assert.match((error as PackingError).message, name)
    }
  }
})

test('rows of 65,536 tokens hold whole documents, and read back as they were written', async () => {
  const folder = newFolder()
  const manifest = await pack(folder, { sequenceLength: 65_536, maxShardTokens: 2 ** 20 })
  const { packing } = manifest
  assert.is(packing.documentsCut, 0)
  assert.is(packing.pieces, trajectories.length)
  assert.is(packing.tokens, packing.sourceTokens)
  const rows = await rowsOf(folder, manifest, 'parquet')
  assert.equal(await rowsOf(folder, manifest, 'arrow'), rows)
  assert.ok(
    rows.some((row) => row.inputIds.length > 32_768),
    'no row is longer than half of the limit',
  )
  for (const row of rows) {
    assert.ok(row.inputIds.length <= 65_536)
    for (const { labels } of documentsOf(row)) assert.is(labels[0], ignoreIndex)
  }
})

test.run()
