import type { RecordBatch, Schema } from 'apache-arrow'
import type { ShardRow } from './row.js'
import type { WrittenFile } from './shard-file.js'

/** Writes one shard, a record batch of one row at a time. End it by `finish` or, after an error, by `discard`. */
export interface ShardWriter {
  write(batch: RecordBatch): void | Promise<void>
  finish(): WrittenFile | Promise<WrittenFile>
  discard(): void | Promise<void>
}

/** A form of file in which rows are written and read. */
export interface ShardFormat {
  /** What follows the dot in a file's name. */
  extension: string
  /** @param metadata kept in the file under the key `retrace` */
  open(path: string, metadata: string, schema: Schema): ShardWriter | Promise<ShardWriter>
  /** All rows of a file. The arrays may be views of shared buffers. */
  read(bytes: Uint8Array): ShardRow[] | Promise<ShardRow[]>
}
