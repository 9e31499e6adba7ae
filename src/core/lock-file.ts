import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { readFileIfPresent } from './files.js'

/** Locks that this process holds. Another lock with the number of this process is left from an earlier process. */
const heldHere = new Set<string>()

/**
 * Takes a file as a lock for this process, and returns the function that releases it; `null` if another process holds
 * it. If the process of an existing lock is gone, exactly one of the processes that ask takes the lock over.
 *
 * @param maxSilenceMs how long the lock of another machine counts as held after it was last touched (`touchLockFile`):
 * whether a process of another machine is alive cannot be seen
 */
export function takeLockFile(path: string, maxSilenceMs = Infinity): (() => void) | null {
  for (let attempt = 0; attempt < 3; attempt++) {
    if (createLock(path)) {
      heldHere.add(path)
      return () => {
        heldHere.delete(path)
        rmSync(path, { force: true })
      }
    }
    const holder = readFileIfPresent(path)?.toString('utf8')
    if (holder !== undefined && isAlive(holder, path, maxSilenceMs)) break
    if (holder !== undefined) removeStale(path, holder)
  }
  return null
}

/** Whether a process holds this lock at the moment, as far as can be seen. */
export function isLockHeld(path: string, maxSilenceMs = Infinity): boolean {
  const holder = readFileIfPresent(path)?.toString('utf8')
  return holder !== undefined && isAlive(holder, path, maxSilenceMs)
}

/** Shows other machines that the holder of this lock is alive. */
export function touchLockFile(path: string): void {
  const now = new Date()
  try {
    utimesSync(path, now, now)
  } catch {
    // The file was removed by hand: the holder goes on, and the next process that asks gets the lock.
  }
}

/** Makes the lock appear with its content: a reader must never find it empty. */
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

/**
 * Moves the lock of a dead process out of the way. Of several processes that try, one succeeds; a process that moved a
 * new lock by mistake puts it back.
 */
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

function isAlive(holder: string, path: string, maxSilenceMs: number): boolean {
  const [pid, host, start] = holder.split(' ')
  if (host !== hostname()) return holder !== '' && silenceOf(path) <= maxSilenceMs
  if (Number(pid) === process.pid) return heldHere.has(path)
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return start === undefined || startOf(Number(pid)) === start
}

function silenceOf(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
}

/** When a process started, in the kernel's ticks, to tell it from a later process with the same number; `-` where unknown. */
function startOf(pid: number): string {
  const stat = readFileIfPresent(`/proc/${pid}/stat`)?.toString('utf8') ?? ''
  // The second field is the name in parentheses, which may hold blanks; state is the third, start time the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '-')
}
