import { join } from 'node:path'
import { CoreError } from './errors.js'
import { takeLockFile } from './lock-file.js'

/**
 * Locks a folder for this process by a file `lock` in it, and returns the function that unlocks it. If the process of an
 * existing lock is gone, exactly one of the processes that ask takes the lock over.
 *
 * @throws CoreError `RUN_BUSY`
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock')
  const unlock = takeLockFile(path)
  if (unlock !== null) return unlock
  throw new CoreError(
    'RUN_BUSY',
    `${folder} is in use by another process (${path}). Wait for it, or delete that file if it is gone.`,
  )
}
