import type { RecordBatch } from 'apache-arrow'
import type { WrittenFile } from './shard-file.js'

/** Writes one shard, a record batch of one row at a time. End it by `finish` or, after an error, by `discard`. */
export interface ShardWriter {
  write(batch: RecordBatch): Promise<void>
  finish(): Promise<WrittenFile>
  discard(): Promise<void>
}
