import {
  Field,
  Int32,
  Int8,
  List,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
  makeData,
  vectorFromArray,
  type Data,
  type DataType,
  type Table,
  type Vector,
} from 'apache-arrow'
import { megatronColumns, type ShardRow } from './row.js'

/** The columns of a shard; `megatron` adds two. Every column is nullable by type, as in pyarrow's own schemas. */
export function shardSchema(megatron: boolean): Schema {
  const list = (name: string, item: DataType): Field => new Field(name, new List(new Field('item', item, true)), true)
  const columns = [
    list('input_ids', new Int32()),
    list('labels', new Int32()),
    list('seq_lengths', new Int32()),
    new Field('domain', new Utf8(), true),
    list('doc_ids', new Utf8()),
  ]
  if (megatron) columns.push(list('seq_start_id', new Int32()), list('loss_mask', new Int8()))
  return new Schema(columns)
}

/** A record batch of one row, over the row's own arrays. */
export function recordBatchOfRow(row: ShardRow, schema: Schema): RecordBatch {
  const columns = [
    listOf(integers(row.inputIds)),
    listOf(integers(row.labels)),
    listOf(integers(row.seqLengths)),
    strings([row.domain]),
    listOf(strings(row.docIds)),
  ]
  if (schema.fields.some((field) => field.name === 'loss_mask')) {
    const { seqStartId, lossMask } = megatronColumns(row)
    columns.push(listOf(integers(seqStartId)), listOf(integers(lossMask)))
  }
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: 1, nullCount: 0, children: columns }),
  )
}

function integers(values: Int32Array | Int8Array): Data {
  const length = values.length
  return values instanceof Int32Array
    ? makeData({ type: new Int32(), length, nullCount: 0, data: values })
    : makeData({ type: new Int8(), length, nullCount: 0, data: values })
}

function strings(values: readonly string[]): Data {
  return vectorFromArray(values, new Utf8()).data[0] as Data
}

function listOf(child: Data): Data {
  const type = new List(new Field('item', child.type, true))
  return makeData({ type, length: 1, nullCount: 0, valueOffsets: Int32Array.of(0, child.length), child })
}

/** The rows of a table with these columns. The arrays are views of its buffers. @throws Error where a column is missing */
export function rowsOfTable(table: Table): ShardRow[] {
  const column = (name: string): Vector => {
    const found = table.getChild(name)
    if (found === null) throw new Error(`it has no column ${name}`)
    return found
  }
  const [inputIds, labels, seqLengths] = ['input_ids', 'labels', 'seq_lengths'].map(column) as [Vector, Vector, Vector]
  const [domain, docIds] = [column('domain'), column('doc_ids')]
  const integers = (cells: Vector, row: number): Int32Array => (cells.get(row) as Vector<Int32>).toArray()
  return Array.from({ length: table.numRows }, (_, row) => ({
    domain: domain.get(row) as string,
    inputIds: integers(inputIds, row),
    labels: integers(labels, row),
    seqLengths: integers(seqLengths, row),
    docIds: [...(docIds.get(row) as Iterable<string>)],
  }))
}
