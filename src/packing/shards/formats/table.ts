import type { ShardFormat } from '../shard-format.js'
import { arrowFormat } from './arrow.js'
import { parquetFormat } from './parquet.js'

/** Every format of shards. The keys are the values of `packing.formats`. */
export const shardFormats = {
  parquet: parquetFormat,
  arrow: arrowFormat,
} satisfies Record<string, ShardFormat>

type ShardFormatName = keyof typeof shardFormats
export const shardFormatNames = Object.keys(shardFormats) as [ShardFormatName, ...ShardFormatName[]]

/** What follows the last dot in the names of shards. */
export const shardExtensions: readonly string[] = Object.values(shardFormats).map(({ extension }) => extension)
