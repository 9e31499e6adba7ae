import { RecordBatch, Table, tableToIPC } from 'apache-arrow'
import { ShardFile } from './shard-file.js'
import type { ShardWriter } from './writer.js'

/**
 * Parquet, a row group per row, so that a trainer reads any row alone. Compressed by zstd without a dictionary, which
 * is the smallest form for token ids of real text.
 *
 * @param metadata kept in the footer under the one key `retrace`; with more keys the order of the footer would vary
 */
export async function openParquetWriter(path: string, metadata: string): Promise<ShardWriter> {
  // Loaded here and not above: importing it compiles its WebAssembly.
  const parquet = await import('parquet-wasm/node')
  const properties = new parquet.WriterPropertiesBuilder()
    .setCompression(parquet.Compression.ZSTD)
    .setDictionaryEnabled(false)
    .setStatisticsEnabled(parquet.EnabledStatistics.None)
    .setMaxRowGroupSize(1)
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
      const table = parquet.Table.fromIPCStream(tableToIPC(new Table([batch as RecordBatch]), 'stream'))
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
