import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import type { PackingError } from '../../src/packing/index.js'
import { shardFormats } from '../../src/packing/shards/formats/table.js'
import { readShard } from '../../src/packing/shards/read-shard.js'
import { recordBatchOfRow, shardSchema } from '../../src/packing/shards/record-batch.js'
import { ShardFile } from '../../src/packing/shards/shard-file.js'
import type { ShardRow } from '../../src/packing/shards/row.js'
import type { ShardWriter } from '../../src/packing/shards/shard-format.js'

const test = suite('shard writers')

const schema = shardSchema(false)

async function open(format: string, path: string): Promise<ShardWriter> {
  return shardFormats[format as keyof typeof shardFormats].open(path, '{}', schema)
}

function rowOf(...ids: number[]): ShardRow {
  const inputIds = Int32Array.from(ids)
  return {
    domain: 'code',
    inputIds,
    labels: inputIds.map((id) => -id),
    seqLengths: Int32Array.of(ids.length),
    docIds: ['é'],
  }
}

for (const [format, { extension }] of Object.entries(shardFormats)) {
  test(`a ${format} file has its name only when it is finished, and nothing is left of a discarded one`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'retrace-writer-'))
    try {
      const path = join(folder, `code-00000.${extension}`)
      const rows = [rowOf(1, 2, 3), rowOf(0), rowOf(128_255, 2 ** 31 - 1)]
      const writer = await open(format, path)
      for (const row of rows) await writer.write(recordBatchOfRow(row, schema))
      assert.not.ok(readdirSync(folder).includes(`code-00000.${extension}`))
      await writer.finish()
      assert.equal(readdirSync(folder), [`code-00000.${extension}`])
      assert.equal(await readShard(path), rows)

      // Before the first row, and amid rows.
      for (const written of [[], rows]) {
        const other = await open(format, join(folder, `other.${extension}`))
        for (const row of written) await other.write(recordBatchOfRow(row, schema))
        await other.discard()
      }
      assert.equal(readdirSync(folder), [`code-00000.${extension}`])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

for (const [format, { extension }] of Object.entries(shardFormats)) {
  test(`a disk that is full while a ${format} file is written gives its error, and the file can be discarded`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'retrace-writer-'))
    const write = Object.getOwnPropertyDescriptor(ShardFile.prototype, 'write') as PropertyDescriptor
    try {
      const writer = await open(format, join(folder, `code-00000.${extension}`))
      await writer.write(recordBatchOfRow(rowOf(1, 2), schema))
      ShardFile.prototype.write = () => {
        throw new Error('ENOSPC')
      }
      const row = rowOf(...Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 120_000))
      const rest = (async () => {
        for (let i = 0; i < 50; i++) await writer.write(recordBatchOfRow(row, schema))
        await writer.finish()
      })()
      await rest.then(
        () => assert.unreachable(),
        (error: Error) => assert.match(error.message, 'ENOSPC'),
      )
      await writer.discard()
      assert.equal(readdirSync(folder), [])
    } finally {
      Object.defineProperty(ShardFile.prototype, 'write', write)
      rmSync(folder, { recursive: true })
    }
  })
}

test('no two formats have the same ending, and a file with another ending is refused with the endings there are', async () => {
  const extensions = Object.values(shardFormats).map(({ extension }) => extension)
  assert.is(new Set(extensions).size, extensions.length)
  await readShard('code-00000.csv').then(
    () => assert.unreachable(),
    (error: PackingError) => {
      assert.is(error.code, 'SHARD_INVALID')
      assert.match(error.message, 'code-00000.csv has none of the endings .parquet, .arrow')
    },
  )
})

test.run()
