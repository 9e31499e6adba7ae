import { AsyncByteQueue, RecordBatchFileWriter, Schema, tableFromIPC } from 'apache-arrow'
import { rowsOfTable } from '../record-batch.js'
import { ShardFile } from '../shard-file.js'
import type { ShardFormat, ShardWriter } from '../shard-format.js'

/**
 * Arrow IPC file, uncompressed, a batch per row: what a reader maps into memory and reads at random.
 *
 * Not compressed, since apache-arrow writes compressed bodies that no other reader takes.
 */
export const arrowFormat: ShardFormat = {
  extension: 'arrow',
  open: (path, metadata, { fields }) => openArrowFile(path, new Schema(fields, new Map([['retrace', metadata]]))),
  read: (bytes) => rowsOfTable(tableFromIPC(bytes)),
}

function openArrowFile(path: string, schema: Schema): ShardWriter {
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
    write(batch) {
      writer.write(batch)
    },
    finish() {
      writer.finish()
      return file.finish()
    },
    discard() {
      file.discard()
    },
  }
}
