import { readdirSync, readFileSync } from 'node:fs'

/** Names of variables that every process of one start has in its environment: an id of the start, and its folder. */
export const startMark = 'RETRACE_TRAINING_START'
export const folderMark = 'RETRACE_TRAINING_FOLDER'

/**
 * Processes of this user that were started under a mark. torchrun starts each rank in a session of its own, and one
 * that lost its parent belongs to nobody: no process group finds them all. Where there is no /proc, none is found.
 */
export function markedProcesses(name: string, value: string): number[] {
  const entry = `${name}=${value}`
  return processIds().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(entry)
    } catch {
      // It ended meanwhile, or is another user's.
      return false
    }
  })
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

export function killMarked(mark: string): void {
  for (const pid of markedProcesses(startMark, mark)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
