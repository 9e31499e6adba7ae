import { join } from 'node:path'
import { CoreError } from './errors.js'
import { takeLockFile } from './lock-file.js'

/**
 * Takes a folder for this process by a file `lock` in it, and gives the function that lets it go. A lock whose process
 * is gone is taken over, by one process alone.
 *
 * @throws CoreError `RUN_BUSY`
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock')
  const letGo = takeLockFile(path)
  if (letGo !== null) return letGo
  throw new CoreError(
    'RUN_BUSY',
    `${folder} is in use by another process (${path}). Wait for it, or delete that file if it is gone.`,
  )
}
