import type { Random } from '../../core/index.js'
import type { FileRecord } from '../../records/index.js'
import { withFile, type Disk } from '../disk.js'
import { lineEnd, lineStart, splitFile, type Part } from '../split-file.js'
import type { Checker, CheckResult } from './checker.js'
import type { Change } from './change.js'
import type { Fault } from './fault.js'
import { faultTable, type FaultKind } from './faults/fault-table.js'
import { readSource } from './source.js'

/** A fault that the check finds, and the results of checking the wrong and the true file. */
export interface DebuggingPlan {
  fault: Fault
  wrong: CheckResult
  right: CheckResult
}

export interface DebuggingInput {
  file: FileRecord
  /** The bytes of the true file. */
  truth: Uint8Array
  /** The files that are written before this one. */
  disk: Disk
  checker: Checker
  kinds: readonly FaultKind[]
  random: Random
  /** A longer file is written in several parts; a fault stays within one of them. */
  maxActionBytes: number
}

/** A longer file takes too long to check once for every candidate. */
const maxFaultyBytes = 100_000
const triesPerKind = 4
/** Tried last: almost every file has a bracket to leave out, and every check finds it, so it would crowd out the others. */
const lastResort: FaultKind = 'unclosed-block'

/**
 * Looks for a fault that the check finds, in a file in which it finds no problem otherwise. `null` if there is none.
 */
export async function planDebugging(input: DebuggingInput): Promise<DebuggingPlan | null> {
  const { file, truth, disk, checker, kinds, random } = input
  if (truth.length > maxFaultyBytes) return null
  const right = await checker.check(file.path, withFile(disk, file.path, truth))
  if (right.problems > 0) return null
  const others = random.shuffled(kinds.filter((kind) => kind !== lastResort))
  for (const fault of await candidatesFor(input, [...others, ...kinds.filter((kind) => kind === lastResort)])) {
    const wrong = await checker.check(file.path, withFile(disk, file.path, applyFault(truth, fault)))
    if (wrong.problems > 0) return { fault, wrong, right }
  }
  return null
}

/** A few faults of each kind, in the order of `kinds`; each lies within one part. */
export async function candidatesFor(input: DebuggingInput, kinds: readonly FaultKind[]): Promise<Fault[]> {
  const { file, truth, random, maxActionBytes } = input
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(truth)
  const source = await readSource(file.path, text)
  if (source === null) return []
  const parts = splitFile(file, truth, maxActionBytes)
  return kinds.flatMap((kind) => {
    const places = random.shuffled(faultTable[kind](source)).slice(0, triesPerKind * 4)
    const faults = places.map((change) => ({ ...inBytes(text, change), kind }))
    return faults.filter((fault) => linesToFix(truth, parts, fault) !== null).slice(0, triesPerKind)
  })
}

function inBytes(text: string, { start, end, text: wrong, detail }: Change): Omit<Fault, 'kind'> {
  const first = Buffer.byteLength(text.slice(0, start))
  return { start: first, end: first + Buffer.byteLength(text.slice(start, end)), text: wrong, detail }
}

/** The file with the fault in it. */
export function applyFault(truth: Uint8Array, { start, end, text }: Fault): Uint8Array {
  return Buffer.concat([truth.subarray(0, start), Buffer.from(text), truth.subarray(end)])
}

/**
 * The whole lines of the true file that replace the wrong ones, and the part that contains them; `null` if they are not
 * within one part.
 */
export function linesToFix(
  truth: Uint8Array,
  parts: readonly Part[],
  fault: Fault,
): { lines: Part; part: Part } | null {
  const start = lineStart(truth, fault.start)
  const isWholeLines =
    fault.end > fault.start && truth[fault.end - 1] === 0x0a && fault.start === start && fault.text === ''
  const end = isWholeLines ? fault.end : lineEnd(truth, fault.end)
  const part = parts.find((candidate) => candidate.start <= start && end <= candidate.end)
  return part === undefined ? null : { lines: { start, end }, part }
}
