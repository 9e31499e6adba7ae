import { readFileSync } from 'node:fs'
import { PackingError } from '../errors.js'
import { shardExtensions, shardFormats } from './formats/table.js'
import type { ShardRow } from './row.js'

/**
 * Reads a whole shard, in the format that the ending of its name says. The arrays are views of shared buffers.
 *
 * @throws PackingError `SHARD_INVALID` where the file cannot be read or lacks a column
 */
export async function readShard(path: string): Promise<ShardRow[]> {
  const format = Object.values(shardFormats).find(({ extension }) => path.endsWith(`.${extension}`))
  if (format === undefined) {
    const endings = shardExtensions.map((extension) => `.${extension}`).join(', ')
    const message = `${path} has none of the endings ${endings}, which say how a shard is read. Name a shard of a run.`
    throw new PackingError('SHARD_INVALID', message, { path })
  }
  try {
    return await format.read(readFileSync(path))
  } catch (cause) {
    throw new PackingError(
      'SHARD_INVALID',
      `${path} cannot be read as a shard: ${cause instanceof Error ? cause.message : String(cause)}. Pack the run again.`,
      { path },
      { cause },
    )
  }
}
