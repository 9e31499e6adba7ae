import { readdirSync, readFileSync } from 'node:fs'

/** Environment variables of every process of a start: the id of the start, and its folder. */
export const startMark = 'RETRACE_TRAINING_START'
export const folderMark = 'RETRACE_TRAINING_FOLDER'

/**
 * Processes of this user that have such a variable. torchrun starts each rank in a session of its own, and a rank whose
 * parent died has none: no process group finds them all. Without /proc the list is empty.
 */
export function markedProcesses(name: string, value: string): number[] {
  const entry = `${name}=${value}`
  return processIds().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(entry)
    } catch {
      // It has ended, or is another user's.
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
