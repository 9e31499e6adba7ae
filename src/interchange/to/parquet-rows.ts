import {
  Bool,
  Field,
  Int32,
  List,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Utf8,
  makeData,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow'
import type { Data, DataType } from 'apache-arrow'
import type { OpenAIMessage, OpenAIRow } from './openai-row.js'

const struct = (fields: Record<string, DataType>): Struct =>
  new Struct(Object.entries(fields).map(([name, type]) => new Field(name, type, true)))
const list = (item: DataType): List => new List(new Field('item', item, true))

const [text, flag, count] = [new Utf8(), new Bool(), new Int32()]
const call = struct({ id: text, type: text, function: struct({ name: text, arguments: text }) })
const message = struct({
  role: text,
  content: text,
  tool_calls: list(call),
  tool_call_id: text,
  weight: count,
  retrace: struct({ packed: flag, plan: count, draft: flag }),
})
/** Tools and metadata are JSON: their keys differ from row to row, and a struct would give each row the keys of all. */
const columns: Record<keyof OpenAIRow, DataType> = { id: text, messages: list(message), tools: text, metadata: text }

/** Rows that are compressed together in a row group. */
const maxRowGroupRows = 16

interface RowWriter {
  write(row: OpenAIRow): Promise<void>
  finish(): Promise<void>
  /** Releases what the writer holds after an error. */
  discard(): Promise<void>
}

/** Writes rows as Parquet, compressed by zstd. Finished bytes go to `sink`; only a few rows are in memory. */
export async function openParquetRows(sink: (bytes: Uint8Array) => Promise<void>): Promise<RowWriter> {
  // Loaded here and not above: importing it compiles its WebAssembly.
  const parquet = await import('parquet-wasm/node')
  const properties = new parquet.WriterPropertiesBuilder()
    .setCompression(parquet.Compression.ZSTD)
    .setMaxRowGroupSize(maxRowGroupRows)
    .build()
  const rows = new TransformStream()
  const input = rows.writable.getWriter()
  const copied = (async () => {
    // Not awaited before this: the stream begins once it has seen the schema of a first batch.
    const output = (await parquet.transformParquetStream(rows.readable, properties)) as ReadableStream<Uint8Array>
    for await (const chunk of output) await sink(chunk)
  })()
  copied.catch(() => {}) // reported by the next write or by finish
  const schema = new Schema(Object.entries(columns).map(([name, type]) => new Field(name, type, true)))
  return {
    async write(row) {
      const ipc = tableToIPC(new Table([batchOf(row, schema)]), 'stream')
      const table = parquet.Table.fromIPCStream(ipc)
      const batch = table.recordBatch(0)
      table.free()
      await Promise.race([input.write(batch), copied])
    },
    async finish() {
      await Promise.all([input.close(), copied])
    },
    async discard() {
      await input.abort().catch(() => {})
      await copied.catch(() => {})
    },
  }
}

function batchOf({ id, messages, tools, metadata }: OpenAIRow, schema: Schema): RecordBatch {
  const cells: Record<keyof OpenAIRow, unknown> = {
    id,
    messages: messages.map(withNulls),
    tools: JSON.stringify(tools),
    metadata: JSON.stringify(metadata),
  }
  const children = Object.entries(columns).map(
    ([name, type]) => vectorFromArray([cells[name as keyof OpenAIRow]], type).data[0] as Data,
  )
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: 1, nullCount: 0, children }))
}

/** A message with every key: the library's builders need `null` for a missing value. */
function withNulls({ tool_calls, tool_call_id, weight, retrace, ...message }: OpenAIMessage): Record<string, unknown> {
  const note = retrace === undefined ? null : { packed: null, plan: null, draft: null, ...retrace }
  return {
    ...message,
    tool_calls: tool_calls ?? null,
    tool_call_id: tool_call_id ?? null,
    weight: weight ?? null,
    retrace: note,
  }
}
