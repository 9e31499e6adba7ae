import { AsyncByteQueue, RecordBatchFileWriter, type Schema } from 'apache-arrow'
import { ShardFile } from './shard-file.js'
import type { ShardWriter } from './writer.js'

/**
 * Arrow IPC file, uncompressed, a batch per row: what a reader maps into memory and reads at random.
 *
 * Not compressed, since apache-arrow writes compressed bodies that no other reader takes.
 */
export function openArrowWriter(path: string, schema: Schema): ShardWriter {
  const file = new ShardFile(path)
  const writer = new RecordBatchFileWriter()
  // The queue that the library fills for an asynchronous reader passes the bytes straight on; nothing piles up.
  class FileQueue extends AsyncByteQueue {
    override write(chunk: Parameters<AsyncByteQueue['write']>[0]): void {
      file.write(chunk as Uint8Array)
    }
  }
  writer.reset(new FileQueue(), schema)
  return {
    async write(batch) {
      writer.write(batch)
    },
    async finish() {
      writer.finish()
      return file.finish()
    },
    async discard() {
      file.discard()
    },
  }
}
