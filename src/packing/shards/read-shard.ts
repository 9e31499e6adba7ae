import { readFileSync } from 'node:fs'
import { tableFromIPC, type Int32, type Table, type Vector } from 'apache-arrow'
import { PackingError } from '../errors.js'
import type { ShardRow } from './row.js'

/**
 * Reads a whole shard, Parquet or Arrow by the ending of its name. The arrays are views of shared buffers.
 *
 * @throws PackingError `SHARD_INVALID` where the file cannot be read or lacks a column
 */
export async function readShard(path: string): Promise<ShardRow[]> {
  try {
    const bytes = readFileSync(path)
    return path.endsWith('.parquet') ? await rowsOfParquet(bytes) : rowsOfTable(tableFromIPC(bytes))
  } catch (cause) {
    throw new PackingError(
      'SHARD_INVALID',
      `${path} cannot be read as a shard: ${cause instanceof Error ? cause.message : String(cause)}. Pack the run again.`,
      { path },
      { cause },
    )
  }
}

async function rowsOfParquet(bytes: Uint8Array): Promise<ShardRow[]> {
  const { readParquet } = await import('parquet-wasm/node')
  // Few rows at a time on their way out of WebAssembly, whose memory grows with the largest copy.
  const table = readParquet(bytes, { batchSize: 32 })
  const batches = table.recordBatches()
  table.free()
  return batches.flatMap((batch) => rowsOfTable(tableFromIPC(batch.intoIPCStream())))
}

function rowsOfTable(table: Table): ShardRow[] {
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
