// Which processes a test unit has started, what CPU time they used, and their end. The session of the unit's first process
// holds most of them; those that left it (a detached child) are known by a variable in their environment.
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'

const markName = 'RETRACE_TEST_UNIT'
const ticksPerSecond = 100 // USER_HZ, which Linux keeps at 100 for every program
export const canReadProcesses = existsSync('/proc/self/stat')

/** A mark for a unit's processes, and the environment that carries it; marks of runs within runs lie side by side. */
export function newMark() {
  const id = randomUUID()
  return { id, environment: { [markName]: `${process.env[markName] ?? ''} ${id}` } }
}

function readOrNull(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null // it has ended, or is another user's
  }
}

/** The processes of a unit, with the CPU seconds that they and their ended children have used. */
export function processesOf(session, mark) {
  if (!canReadProcesses) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const stat = readOrNull(`/proc/${pid}/stat`)
      if (stat === null) return []
      // `pid (name) state ppid pgrp session ... utime stime cutime cstime ...`; the name may hold spaces and brackets.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (fields[0] === 'Z') return []
      const isOurs = Number(fields[3]) === session || readOrNull(`/proc/${pid}/environ`)?.includes(mark.id)
      if (!isOurs) return []
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
      return [{ pid: Number(pid), cpuSeconds: ticks / ticksPerSecond }]
    })
}

/** The command line of a process, for people. */
export function commandOf(pid) {
  const command = readOrNull(`/proc/${pid}/cmdline`)?.split('\0').join(' ').trim()
  return command === undefined ? `process ${pid}` : command.slice(0, 120)
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Ends every process of a unit: the group at once, then those outside it, again where they have started more. */
export function killAll(session, mark) {
  kill(-session)
  for (let round = 0; round < 5; round++) {
    const left = processesOf(session, mark)
    if (left.length === 0) return
    for (const { pid } of left) kill(pid)
  }
}
