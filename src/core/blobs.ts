import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ByteCache } from './byte-cache.js'
import { CoreError } from './errors.js'
import { readFileIfPresent, writeFileAtomic, writeFileAtomicAsync } from './files.js'
import { sha256Hex } from './hash.js'

/** Bytes kept by the SHA-256 of their content. All callers of `get` share the bytes, so none may change them. */
export interface BlobStore {
  /** Keeps the bytes and returns their digest; bytes that are kept already are not written again. */
  put(bytes: Uint8Array): string
  /** @throws CoreError `RECORD_INVALID` if the blob is missing or its bytes no longer have this digest */
  get(digest: string): Uint8Array
}

export interface FolderBlobStore extends BlobStore {
  /** Keeps many at once, by their digests; all are on disk when it resolves. */
  putAll(blobs: ReadonlyMap<string, Uint8Array>): Promise<void>
}

/** How many files are written at the same time: the disk then writes its journal once for several. */
const writers = 8

interface FolderBlobOptions {
  /** Most memory for blobs that were read; each of their spans asks for them again. */
  maxCachedBytes?: number
  /** Reads a file, or gives `null` where there is none. */
  read?: (path: string) => Uint8Array | null
}

/**
 * Blobs as files `ab/abcdef...` below one folder. The first `get` of a blob reads it and checks its digest; then it is
 * kept in memory while there is room.
 */
export function folderBlobStore(
  folder: string,
  { maxCachedBytes = 64 * 1024 * 1024, read = readFileIfPresent }: FolderBlobOptions = {},
): FolderBlobStore {
  const checked = new ByteCache(maxCachedBytes)
  const pathOf = (digest: string): string => join(folder, digest.slice(0, 2), digest)
  return {
    async putAll(blobs) {
      const waiting = [...blobs].filter(([digest]) => !existsSync(pathOf(digest))).values()
      const write = async (): Promise<void> => {
        for (const [digest, bytes] of waiting) await writeFileAtomicAsync(pathOf(digest), bytes)
      }
      await Promise.all(Array.from({ length: writers }, write))
    },
    put(bytes) {
      const digest = sha256Hex(bytes)
      if (!existsSync(pathOf(digest))) writeFileAtomic(pathOf(digest), bytes)
      return digest
    },
    get(digest) {
      const kept = checked.get(digest)
      if (kept !== undefined) return kept
      const bytes = readChecked(folder, digest, read(pathOf(digest)))
      checked.add(digest, bytes)
      return bytes
    },
  }
}

/** The bytes of a blob's file in memory of their own, so that keeping them keeps nothing else. @throws CoreError */
function readChecked(folder: string, digest: string, bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) {
    throw new CoreError('RECORD_INVALID', `Blob ${digest} is missing from ${folder}. Run the same command again.`)
  }
  const found = sha256Hex(bytes)
  if (found === digest) return new Uint8Array(bytes)
  throw new CoreError(
    'RECORD_INVALID',
    `Blob ${digest} in ${folder} was changed: its bytes hash to ${found}. Start again with a new --out folder.`,
    { digest, found },
  )
}

/** Blobs in memory, for commands that leave nothing behind and for tests. */
export function memoryBlobStore(): BlobStore {
  const blobs = new Map<string, Uint8Array>()
  return {
    put(bytes) {
      const digest = sha256Hex(bytes)
      blobs.set(digest, bytes)
      return digest
    },
    get(digest) {
      const bytes = blobs.get(digest)
      if (bytes === undefined) throw new CoreError('RECORD_INVALID', `Blob ${digest} was never stored.`)
      return bytes
    },
  }
}
