import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { DataType, Vector, tableFromIPC, type Data } from 'apache-arrow'
import type { ParquetFile, RecordBatch } from 'parquet-wasm/node'
import { InterchangeError } from '../errors.js'
import type { Row } from './row.js'

/** Rows that leave WebAssembly together; its memory grows with the largest copy. */
const batchSize = 16
/** Bytes of a row group, not compressed, above which the file is refused: it is in memory at once. */
const maxRowGroupBytes = 2 ** 31

const text = new TextDecoder('utf-8', { ignoreBOM: true })

/** The rows of a Parquet file, one row group in memory at a time. @throws InterchangeError `FILE_INVALID` */
export async function* readParquetRows(path: string): AsyncGenerator<Row> {
  await stat(path)
  const parquet = await import('parquet-wasm/node')
  const file = await parquet.ParquetFile.fromFile(await openAsBlob(path))
  let line = 0
  try {
    checkRowGroups(path, file)
    const stream = (await file.stream({ batchSize })) as ReadableStream<RecordBatch>
    for await (const batch of stream) {
      for (const { data } of tableFromIPC(batch.intoIPCStream()).batches) {
        for (let row = 0; row < data.length; row++) yield { line: ++line, value: cellOf(data, row) }
      }
    }
  } finally {
    file.free()
  }
}

function checkRowGroups(path: string, file: ParquetFile): void {
  const metadata = file.metadata()
  for (let group = 0; group < metadata.numRowGroups(); group++) {
    const bytes = Number(metadata.rowGroup(group).totalByteSize())
    if (bytes <= maxRowGroupBytes) continue
    const message = `${path}: row group ${group} has ${bytes} bytes, and at most ${maxRowGroupBytes} are read at once. Write it in smaller row groups.`
    throw new InterchangeError('FILE_INVALID', message, { path, group, bytes })
  }
}

/** A cell as JSON would have it. */
function cellOf(data: Data, index: number): unknown {
  if (!data.getValid(index)) return null
  const between = (): [number, number] => {
    const offsets = data.valueOffsets as Int32Array | BigInt64Array
    return [Number(offsets[index]), Number(offsets[index + 1])]
  }
  if (DataType.isUtf8(data.type) || DataType.isLargeUtf8(data.type)) {
    // The library's own reading drops a byte order mark, which is text here.
    return text.decode((data.values as Uint8Array).subarray(...between()))
  }
  if (DataType.isList(data.type) || DataType.isLargeList(data.type)) {
    const [start, end] = between()
    return Array.from({ length: end - start }, (_, item) => cellOf(data.children[0] as Data, start + item))
  }
  if (DataType.isStruct(data.type)) {
    const cells = data.type.children.map(({ name }, field) => [name, cellOf(data.children[field] as Data, index)])
    return Object.fromEntries(cells) as unknown
  }
  const value = new Vector([data]).get(index) as unknown
  return typeof value === 'bigint' ? Number(value) : value
}
