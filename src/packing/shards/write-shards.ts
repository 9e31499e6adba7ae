import { join } from 'node:path'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { canonicalJson } from '../../core/index.js'
import type { ShardManifest } from '../../records/index.js'
import type { Piece } from '../cut-document.js'
import type { PackingOptions } from '../options.js'
import { shardExtensions, shardFormats } from './formats/table.js'
import { recordBatchOfRow, shardSchema } from './record-batch.js'
import { countTrained, rowOfPieces } from './row.js'
import type { ShardWriter } from './shard-format.js'

export type WrittenShard = ShardManifest['shards'][number]

/** What a shard's file says of the shard, so that it can be recognized without the manifest. */
interface ShardMetadata {
  domain: string
  sequenceLength: number
  renderer: string
  tokenizer: string
}

/** Name of a shard, finished or under its temporary name. */
const shardName = new RegExp(`-\\d{5,}\\.(${shardExtensions.join('|')})(\\.\\d+\\.tmp)?$`)

/** Rows, each as its pieces, that become shards named `DOMAIN-00000`, `DOMAIN-00001` ... from `firstShard` on. */
interface RowsToWrite {
  folder: string
  metadata: ShardMetadata
  rows: readonly (readonly Piece[])[]
  firstShard: number
}

/** Writes rows in order, into as many shards as `maxShardTokens` asks for, each in every format. */
export async function writeShards(input: RowsToWrite, options: PackingOptions): Promise<WrittenShard[]> {
  const written: WrittenShard[] = []
  let shard = input.firstShard
  for (let start = 0; start < input.rows.length;) {
    const end = endOfShard(input.rows, start, options.maxShardTokens)
    const name = `${input.metadata.domain}-${String(shard++).padStart(5, '0')}`
    written.push(...(await writeShard(input, name, input.rows.slice(start, end), options)))
    start = end
  }
  return written
}

/** Removes the shards that an earlier packing left in the folder, finished or not; other files stay. */
export function removeShards(folder: string): void {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isFile() && shardName.test(entry.name)) rmSync(join(folder, entry.name))
  }
}

async function writeShard(
  { folder, metadata }: RowsToWrite,
  name: string,
  rows: RowsToWrite['rows'],
  { formats, megatron }: PackingOptions,
): Promise<WrittenShard[]> {
  const schema = shardSchema(megatron)
  const footer = canonicalJson(metadata)
  const totals = { rows: rows.length, tokens: 0, trainedTokens: 0 }
  const writers: { format: string; file: string; writer: ShardWriter }[] = []
  try {
    for (const format of formats) {
      const file = `${name}.${shardFormats[format].extension}`
      writers.push({ format, file, writer: await shardFormats[format].open(join(folder, file), footer, schema) })
    }
    for (const pieces of rows) {
      const row = rowOfPieces(metadata.domain, pieces)
      totals.tokens += row.inputIds.length
      totals.trainedTokens += countTrained(row.labels)
      const batch = recordBatchOfRow(row, schema)
      for (const { writer } of writers) await writer.write(batch)
    }
    const shards: WrittenShard[] = []
    for (const { format, file, writer } of writers) shards.push({ file, format, ...totals, ...(await writer.finish()) })
    return shards
  } catch (error) {
    for (const { writer } of writers) await writer.discard()
    throw error
  }
}

/** Where the shard ends that begins at row `start`: at least one row, and the last row is the one that fills it. */
function endOfShard(rows: RowsToWrite['rows'], start: number, maxTokens: number): number {
  let tokens = 0
  let end = start
  while (end < rows.length && tokens < maxTokens) {
    for (const piece of rows[end] as readonly Piece[]) tokens += piece.ids.length
    end++
  }
  return end
}
