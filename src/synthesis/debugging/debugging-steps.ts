import type { BlobSpan } from '../../core/index.js'
import type { Episode, Step } from '../../records/index.js'
import { countLines, lineNumber, type Action } from '../../tools/index.js'
import { withFile } from '../disk.js'
import { fileRequest, thoughtBeforePart, writeAction, type FileWork } from '../file-work.js'
import { splitFile, type Part } from '../split-file.js'
import type { CheckResult } from './checker.js'
import { applyFault, linesToFix, type DebuggingPlan } from './plan-debugging.js'

type DebuggingSteps = Pick<Episode, 'steps' | 'debugging'>

/** A longer attempt is not used: it is not worth its tokens. */
const maxAttemptBytes = 40_000

/** Writes the file with the fault part by part, checks it, and fixes the lines with the fault. */
export async function faultSteps(
  work: FileWork,
  { fault, wrong, right }: DebuggingPlan,
): Promise<DebuggingSteps | null> {
  const { bytes: truth, file, options } = work
  const parts = splitFile(file, truth, options.maxActionBytes)
  const fix = linesToFix(truth, parts, fault)
  if (fix === null) return null
  const draft = applyFault(truth, fault)
  const shift = draft.length - truth.length
  const steps: Step[] = []
  for (const part of parts) {
    const isWrong = part.start === fix.part.start
    const action = isWrong
      ? draftAction(work, part, draft.subarray(part.start, part.end + shift))
      : writeAction(work, part)
    const isAfterFix = part.start > fix.part.start
    steps.push({
      thought: await thoughtBeforePart(work, part),
      action: isAfterFix ? shiftEdit(action, shift, draft) : action,
      observation: null,
    })
  }
  const { lines } = fix
  const wrongLines = { start: lines.start, end: lines.end + shift }
  steps.push(...(await fixSteps(work, draft, wrongLines, lines, wrong, right)))
  return { steps, debugging: { kind: 'fault', fault: fault.kind, detail: fault.detail } }
}

/** Writes the generator's own attempt, checks and fixes it; `null` if there is no attempt, or no problem in it. */
export async function attemptSteps(work: FileWork): Promise<DebuggingSteps | null> {
  const { bytes: truth, file, options, generator, checker, disk } = work
  const [whole, ...others] = splitFile(file, truth, options.maxActionBytes)
  if (whole === undefined || others.length > 0) return null
  const right = await checker.check(file.path, withFile(disk, file.path, truth))
  if (right.problems > 0) return null
  const code = options.showCode ? Buffer.from(truth).toString('utf8') : null
  const attempt = await generator.attempt({ ...fileRequest(work), leadsTo: { kind: 'code', ...whole, code } })
  if (attempt === null) return null
  const draft = Buffer.from(attempt.code)
  const isUsable = draft.length > 0 && draft.toString('utf8') === attempt.code && draft.length <= maxAttemptBytes
  if (!isUsable || draft.equals(truth)) return null
  const wrong = await checker.check(file.path, withFile(disk, file.path, draft))
  if (wrong.problems === 0) return null
  const { wrongLines, trueLines } = differentLines(draft, truth)
  return {
    steps: [
      { thought: await thoughtBeforePart(work, whole), action: draftAction(work, whole, draft), observation: null },
      ...(await fixSteps(work, draft, wrongLines, trueLines, wrong, right)),
    ],
    debugging: {
      ...{ kind: 'attempt', fault: '', detail: '' },
      ...(attempt.call === undefined ? {} : { call: attempt.call }),
    },
  }
}

/** A check that fails, a thought on it with the Edit that replaces the wrong lines, and a check that passes. */
async function fixSteps(
  work: FileWork,
  draft: Uint8Array,
  wrongLines: Part,
  { start, end }: Part,
  wrong: CheckResult,
  right: CheckResult,
): Promise<Step[]> {
  const { path, blob } = work.file
  const code = work.options.showCode ? Buffer.from(work.bytes.subarray(start, end)).toString('utf8') : null
  const leadsTo = { kind: 'fix', start, end, check: wrong.output, code } as const
  const action: Action = {
    tool: 'Edit',
    path,
    start: wrongLines.start,
    end: wrongLines.end,
    startLine: lineNumber(draft, wrongLines.start),
    replacedLines: countLines(draft.subarray(wrongLines.start, wrongLines.end)),
    content: { blob, start, end },
  }
  return [
    checkStep(work, wrong),
    { thought: await work.generator.thought({ ...fileRequest(work), leadsTo }), action, observation: null },
    checkStep(work, right),
  ]
}

function checkStep(work: FileWork, { output }: CheckResult): Step {
  return {
    thought: null,
    action: { tool: 'Check', path: work.file.path },
    observation: storeSpan(work, Buffer.from(output)),
  }
}

/** Stores bytes that are not part of the repository. */
function storeSpan({ blobs }: FileWork, bytes: Uint8Array): BlobSpan {
  return { blob: blobs.put(bytes), start: 0, end: bytes.length }
}

/** The action that writes a part with wrong content. */
function draftAction(work: FileWork, part: Part, bytes: Uint8Array): Action {
  return {
    ...(writeAction(work, part) as Extract<Action, { content: BlobSpan }>),
    content: storeSpan(work, bytes),
    draft: true,
  }
}

/** Moves an Edit that comes after a part which became longer or shorter by `shift` bytes. */
function shiftEdit(action: Action, shift: number, draft: Uint8Array): Action {
  if (action.tool !== 'Edit') return action
  const start = action.start + shift
  return { ...action, start, end: start, startLine: lineNumber(draft, start) }
}

/** The whole lines in which the draft differs from the true file: those between their common start and common end. */
export function differentLines(draft: Uint8Array, truth: Uint8Array): { wrongLines: Part; trueLines: Part } {
  const [before, after] = [linesOf(draft), linesOf(truth)]
  const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
    a !== undefined && b !== undefined && Buffer.compare(a, b) === 0
  let head = 0
  while (isSame(before[head], after[head])) head++
  let tail = 0
  const most = Math.min(before.length, after.length) - head
  while (tail < most && isSame(before[before.length - 1 - tail], after[after.length - 1 - tail])) tail++
  const lengthOf = (lines: readonly Uint8Array[]): number => lines.reduce((sum, line) => sum + line.length, 0)
  const start = lengthOf(before.slice(0, head))
  return {
    wrongLines: { start, end: draft.length - lengthOf(before.slice(before.length - tail)) },
    trueLines: { start, end: truth.length - lengthOf(after.slice(after.length - tail)) },
  }
}

function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0; start < bytes.length;) {
    const next = bytes.indexOf(0x0a, start)
    const end = next < 0 ? bytes.length : next + 1
    lines.push(bytes.subarray(start, end))
    start = end
  }
  return lines
}
