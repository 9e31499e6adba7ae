import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readFileIfPresent, sha256Hex } from '../core/index.js'
import { shardManifestSchema, type ShardManifest } from '../records/index.js'
import { TrainingError } from './errors.js'

/** A folder of packed shards, as its manifest describes it. */
export interface ShardFolder {
  folder: string
  manifest: ShardManifest
  /** Of the manifest's bytes, which hold the digest of every shard. */
  digest: string
}

/**
 * Reads the manifests and checks that the files they list exist with the listed sizes. The loop checks their bytes, on
 * the machine that reads them.
 *
 * @throws TrainingError `SHARD_MISSING`, `SHARD_CHANGED`, `MANIFEST_INVALID`
 */
export function openShardFolders(folders: readonly string[]): ShardFolder[] {
  if (folders.length === 0) throw new TrainingError('MANIFEST_INVALID', 'No folder of shards was given. Name a run.')
  return folders.map((folder) => openShardFolder(resolve(folder)))
}

function openShardFolder(folder: string): ShardFolder {
  const path = join(folder, 'manifest.json')
  const bytes = readFileIfPresent(path)
  if (bytes === null) {
    const message = `${path} does not exist. Give a run that has come to its end, or pack it again.`
    throw new TrainingError('SHARD_MISSING', message, { path })
  }
  const manifest = parseManifest(bytes.toString('utf8'), path)
  if (manifest.packing.rows === 0 || manifest.shards.length === 0) {
    throw new TrainingError('MANIFEST_INVALID', `${path} lists no rows. Pack a run that has documents.`, { path })
  }
  for (const shard of manifest.shards) checkShard(folder, shard)
  return { folder, manifest, digest: sha256Hex(bytes) }
}

function parseManifest(text: string, path: string): ShardManifest {
  try {
    return shardManifestSchema.parse(JSON.parse(text))
  } catch (cause) {
    const message = `${path} is no manifest of shards, or one of another version. Pack the run again.`
    throw new TrainingError('MANIFEST_INVALID', message, { path }, { cause })
  }
}

function checkShard(folder: string, { file, sizeBytes }: ShardManifest['shards'][number]): void {
  const path = join(folder, file)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    const message = `${path} is listed in the manifest and is not there. Copy it again, or pack the run again.`
    throw new TrainingError('SHARD_MISSING', message, { path })
  }
  if (found.size === sizeBytes) return
  const message = `${path} has ${found.size} bytes, and the manifest says ${sizeBytes}. Copy it again, or pack the run again.`
  throw new TrainingError('SHARD_CHANGED', message, { path, expected: sizeBytes, found: found.size })
}
