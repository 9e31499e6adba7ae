import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'

let temporaryNames = 0

/**
 * Writes a whole file so that a reader, or the next start after a kill, sees either the old bytes or the new ones:
 * temporary name, fsync, rename.
 */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}-${temporaryNames++}.tmp`
  const file = openSync(temporary, 'w')
  try {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written)
    fsyncSync(file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

/** The same without blocking this thread while the disk writes. */
export async function writeFileAtomicAsync(path: string, data: Uint8Array): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}-${temporaryNames++}.tmp`
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  renameSync(temporary, path)
}

/** The bytes of a file, or `null` where there is none. Other failures (a folder, no permission) are thrown. */
export function readFileIfPresent(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
