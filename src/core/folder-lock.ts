import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { CoreError } from './errors.js'
import { readFileIfPresent } from './files.js'

/** Folders that this process holds. A lock with its number that is not among them is left from an earlier life. */
const heldHere = new Set<string>()

/**
 * Takes a folder for this process by a file `lock` in it, and gives the function that lets it go. A lock whose process
 * is gone is taken over, by one process alone.
 *
 * @throws CoreError `RUN_BUSY`
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock')
  for (let attempt = 0; attempt < 3; attempt++) {
    if (createLock(path)) {
      heldHere.add(path)
      return () => {
        heldHere.delete(path)
        rmSync(path, { force: true })
      }
    }
    const holder = readFileIfPresent(path)?.toString('utf8')
    if (holder !== undefined && isAlive(holder, path)) break
    if (holder !== undefined) removeStale(path, holder)
  }
  throw new CoreError(
    'RUN_BUSY',
    `${folder} is in use by another process (${path}). Wait for it, or delete that file if it is gone.`,
  )
}

/** Makes the lock appear with its content or not at all: a reader must never find it empty. */
function createLock(path: string): boolean {
  const draft = `${path}.${process.pid}.tmp`
  writeFileSync(draft, `${process.pid} ${hostname()} ${startOf(process.pid)}`)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Moves a dead lock out of the way. Of several who try, one gets it; who moved a fresh lock by mistake puts it back. */
function removeStale(path: string, holder: string): void {
  const aside = `${path}.${process.pid}-stale.tmp`
  try {
    renameSync(path, aside)
    if (readFileSync(aside, 'utf8') !== holder) linkSync(aside, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function isAlive(holder: string, path: string): boolean {
  const [pid, host, start] = holder.split(' ')
  if (host !== hostname()) return holder !== ''
  if (Number(pid) === process.pid) return heldHere.has(path)
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return start === undefined || startOf(Number(pid)) === start
}

/** When a process started, in the kernel's ticks, so that another one that got its number is told apart; `-` where unknown. */
function startOf(pid: number): string {
  const stat = readFileIfPresent(`/proc/${pid}/stat`)?.toString('utf8') ?? ''
  // The second field is the name in parentheses, which may hold blanks; state is the third, start time the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '-')
}
