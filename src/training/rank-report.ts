import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

/** The process that ended first, by torchrun's report. */
export interface DeadRank {
  rank: number
  /** Negative: the number of the signal that ended it. */
  exitCode: number
}

/**
 * Finds the rank that ended first in the report that torchrun prints:
 *
 *     Root Cause (first observed failure):
 *     [0]:
 *       rank      : 1 (local_rank: 1)
 *       exitcode  : -9 (pid: 4711)
 *
 * A rank that was ended by a signal is taken before the root cause that torchrun names: the others fail right after it,
 * and torchrun polls too rarely to see the order. SIGTERM is how torchrun itself ends the rest.
 */
export function findDeadRank(log: string): DeadRank | null {
  const failures = entriesOf(log.slice(Math.max(0, log.lastIndexOf('\nFailures:'))))
  const root = entriesOf(log.slice(Math.max(0, log.lastIndexOf('Root Cause'))))[0]
  return failures.find(({ exitCode }) => exitCode < 0 && exitCode !== -constants.signals.SIGTERM) ?? root ?? null
}

function entriesOf(report: string): DeadRank[] {
  const entries: DeadRank[] = []
  let rank: number | null = null
  for (const line of report.split('\n')) {
    const [, key, value] = /^ {1,8}(rank|exitcode) {1,8}: (-?\d{1,7})\b/.exec(line) ?? []
    if (key === 'rank') rank = Number(value)
    if (key !== 'exitcode' || rank === null) continue
    entries.push({ rank, exitCode: Number(value) })
    rank = null
  }
  return entries
}

/** `ended with exit code 3`, `was ended by SIGKILL, ...`. */
export function describeExit(exitCode: number): string {
  if (exitCode >= 0) return `ended with exit code ${exitCode}`
  const name =
    Object.entries(constants.signals).find(([, number]) => number === -exitCode)?.[0] ?? `signal ${-exitCode}`
  const likely = name === 'SIGKILL' ? ' (the system does so where memory runs out)' : ''
  return `was ended by ${name}${likely}`
}

const tailBytes = 1 << 16

/** The end of a log, at most its last 64 KiB; empty where the log does not exist. */
export function readTail(path: string): string {
  if (!existsSync(path)) return ''
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, tailBytes))
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, size - bytes.length))
  } finally {
    closeSync(file)
  }
}

const shownLines = 12

export function lastLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.slice(-shownLines).join('\n')
}

/** The file with a rank's standard error in torchrun's log folder, `<id>/attempt_0/<rank>/stderr.log`, or `null`. */
export function rankLog(logs: string, rank: number): string | null {
  const folders = readdirSync(logs).filter((name) => statSync(join(logs, name)).isDirectory())
  const paths = folders.map((name) => join(logs, name, 'attempt_0', String(rank), 'stderr.log'))
  return paths.find((path) => existsSync(path)) ?? null
}
