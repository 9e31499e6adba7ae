import { readFileSync } from 'node:fs'
import { tableFromIPC, type Int32, type Table, type Vector } from 'apache-arrow'
import { PackingError } from '../errors.js'
import type { ShardRow } from './row.js'

/**
 * Reads a whole shard, Parquet or Arrow by the ending of its name. The arrays are views of one buffer.
 *
 * @throws PackingError `SHARD_INVALID` where the file cannot be read or lacks a column
 */
export async function readShard(path: string): Promise<ShardRow[]> {
  try {
    const table = path.endsWith('.parquet') ? await readParquetTable(path) : tableFromIPC(readFileSync(path))
    return rowsOf(table)
  } catch (cause) {
    throw new PackingError(
      'SHARD_INVALID',
      `${path} cannot be read as a shard: ${cause instanceof Error ? cause.message : String(cause)}. Pack the run again.`,
      { path },
      { cause },
    )
  }
}

async function readParquetTable(path: string): Promise<Table> {
  const { readParquet } = await import('parquet-wasm/node')
  return tableFromIPC(readParquet(readFileSync(path)).intoIPCStream())
}

function rowsOf(table: Table): ShardRow[] {
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
