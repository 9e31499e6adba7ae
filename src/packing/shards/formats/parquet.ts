import { Table, tableFromIPC, tableToIPC } from 'apache-arrow'
import { rowsOfTable } from '../record-batch.js'
import type { ShardRow } from '../row.js'
import { ShardFile } from '../shard-file.js'
import type { ShardFormat, ShardWriter } from '../shard-format.js'

/**
 * Parquet, a row group per row, so that a trainer reads any row alone. Compressed by zstd without a dictionary, which
 * is the smallest form for token ids of real text.
 */
export const parquetFormat: ShardFormat = { extension: 'parquet', open: openParquetFile, read: readRows }

async function openParquetFile(path: string, metadata: string): Promise<ShardWriter> {
  // Loaded here and not above: importing it compiles its WebAssembly.
  const parquet = await import('parquet-wasm/node')
  const properties = new parquet.WriterPropertiesBuilder()
    .setCompression(parquet.Compression.ZSTD)
    .setDictionaryEnabled(false)
    .setStatisticsEnabled(parquet.EnabledStatistics.None)
    .setMaxRowGroupSize(1)
    // One key alone: with more, the order of the footer would vary.
    .setKeyValueMetadata(new Map([['retrace', metadata]]))
    .build()
  const rows = new TransformStream()
  const input = rows.writable.getWriter()

  const file = new ShardFile(path)
  const copied = (async () => {
    // Not awaited before this: the stream begins once it has seen the schema of a first batch.
    const output = (await parquet.transformParquetStream(rows.readable, properties)) as ReadableStream<Uint8Array>
    for await (const chunk of output) file.write(chunk)
  })()
  copied.catch(() => {}) // reported by the next write or by finish

  return {
    async write(batch) {
      const table = parquet.Table.fromIPCStream(tableToIPC(new Table([batch]), 'stream'))
      const row = table.recordBatch(0)
      table.free()
      await Promise.race([input.write(row), copied])
    },
    async finish() {
      await Promise.all([input.close(), copied])
      return file.finish()
    },
    async discard() {
      await input.abort().catch(() => {})
      await copied.catch(() => {})
      file.discard()
    },
  }
}

async function readRows(bytes: Uint8Array): Promise<ShardRow[]> {
  const { readParquet } = await import('parquet-wasm/node')
  // Few rows at a time on their way out of WebAssembly, whose memory grows with the largest copy.
  const table = readParquet(bytes, { batchSize: 32 })
  const batches = table.recordBatches()
  table.free()
  return batches.flatMap((batch) => rowsOfTable(tableFromIPC(batch.intoIPCStream())))
}
