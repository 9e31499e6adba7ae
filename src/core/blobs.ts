import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CoreError } from './errors.js'
import { readFileIfPresent, writeFileAtomic, writeFileAtomicAsync } from './files.js'
import { sha256Hex } from './hash.js'

/** Bytes kept by the SHA-256 of their content. */
export interface BlobStore {
  /** Keeps the bytes and gives their digest; bytes that are kept already are not written again. */
  put(bytes: Uint8Array): string
  /** @throws CoreError `RECORD_INVALID` where the blob is missing or its bytes no longer have this digest. */
  get(digest: string): Uint8Array
}

export interface FolderBlobStore extends BlobStore {
  /** Keeps many at once, by their digests; all are on disk when it resolves. */
  putAll(blobs: ReadonlyMap<string, Uint8Array>): Promise<void>
}

/** Files that are made durable at the same time: the disk then writes its journal once for several. */
const WRITERS = 8

/** Blobs as files `ab/abcdef...` below one folder. Every read checks the digest. */
export function folderBlobStore(folder: string): FolderBlobStore {
  const pathOf = (digest: string): string => join(folder, digest.slice(0, 2), digest)
  return {
    async putAll(blobs) {
      const waiting = [...blobs].filter(([digest]) => !existsSync(pathOf(digest))).values()
      const write = async (): Promise<void> => {
        for (const [digest, bytes] of waiting) await writeFileAtomicAsync(pathOf(digest), bytes)
      }
      await Promise.all(Array.from({ length: WRITERS }, write))
    },
    put(bytes) {
      const digest = sha256Hex(bytes)
      if (!existsSync(pathOf(digest))) writeFileAtomic(pathOf(digest), bytes)
      return digest
    },
    get(digest) {
      const bytes = readFileIfPresent(pathOf(digest))
      if (bytes === null) {
        throw new CoreError('RECORD_INVALID', `Blob ${digest} is missing from ${folder}. Run the same command again.`)
      }
      const found = sha256Hex(bytes)
      if (found !== digest) {
        throw new CoreError(
          'RECORD_INVALID',
          `Blob ${digest} in ${folder} was changed: its bytes hash to ${found}. Start again with a new --out folder.`,
          { digest, found },
        )
      }
      return bytes
    },
  }
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
