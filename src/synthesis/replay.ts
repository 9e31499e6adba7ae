import { digestOf, type BlobStore } from '../core/index.js'
import type { Action, BlobSpan, RepositorySnapshot, Step, Trajectory } from '../records/index.js'
import { createChecker, type Checker } from './debugging/checker.js'
import { SynthesisError } from './errors.js'
import { countLines, lineNumber } from './split-file.js'

/** What a replay did, for the person who asked. */
export interface ReplayResult {
  files: number
  bytes: number
  reads: number
  writes: number
  edits: number
  checks: number
}

/**
 * Runs a trajectory's actions in order in an empty folder (in memory) and holds it to the replay law: the files come
 * out byte for byte, every Read shows what is there at that moment, every Check says what was recorded, and the plan
 * names exactly the files written.
 *
 * @throws SynthesisError `REPLAY_FAILED` at the first step that breaks it; CoreError `RECORD_INVALID` for a changed blob
 */
export async function replayTrajectory(
  trajectory: Trajectory,
  snapshot: RepositorySnapshot,
  blobs: BlobStore,
): Promise<ReplayResult> {
  if (trajectory.snapshot !== digestOf(snapshot)) {
    throw new SynthesisError('REPLAY_FAILED', `${trajectory.id}: its snapshot is not the one that it was made of.`)
  }
  const disk = new Map<string, Uint8Array>()
  const checker = createChecker()
  const result: ReplayResult = { files: 0, bytes: 0, reads: 0, writes: 0, edits: 0, checks: 0 }
  for (const episode of trajectory.episodes) {
    for (const [index, step] of episode.steps.entries()) {
      const fail = (what: string): never => {
        throw new SynthesisError(
          'REPLAY_FAILED',
          `${trajectory.id}: step ${index + 1} of ${episode.path} breaks the replay law: ${what}.`,
          { trajectory: trajectory.id, path: episode.path, step: index },
        )
      }
      if ('content' in step.action && step.action.path !== episode.path) fail(`it writes ${step.action.path}`)
      if (step.action.tool === 'Check') await runCheck(step, disk, checker, blobs, fail)
      else runStep(step, step.action, disk, blobs, fail)
      result[counterOf(step.action)]++
    }
  }
  checkPlan(trajectory, disk)
  checkFiles(trajectory, snapshot, disk, blobs, result)
  return result
}

/** Content of a span, checked against the blob's digest by the store. @throws SynthesisError where it leaves the blob */
export function spanBytes(blobs: BlobStore, { blob, start, end }: BlobSpan): Uint8Array {
  const bytes = blobs.get(blob)
  if (start <= end && end <= bytes.length) return bytes.subarray(start, end)
  throw new SynthesisError(
    'REPLAY_FAILED',
    `Bytes ${start} to ${end} are not in blob ${blob}, which has ${bytes.length}.`,
  )
}

function counterOf({ tool }: Action): 'reads' | 'writes' | 'edits' | 'checks' {
  return ({ Read: 'reads', Write: 'writes', Edit: 'edits', Check: 'checks' } as const)[tool]
}

type Fail = (what: string) => never

function runStep(
  step: Step,
  action: Exclude<Action, { tool: 'Check' }>,
  disk: Map<string, Uint8Array>,
  blobs: BlobStore,
  fail: Fail,
): void {
  const before = disk.get(action.path)
  if (action.tool === 'Write') {
    if (before !== undefined) fail(`${action.path} is there already`)
    disk.set(action.path, spanBytes(blobs, action.content).slice())
    return
  }
  if (before === undefined) return fail(`${action.path} is not written yet`)
  if (action.start > action.end || action.end > before.length) {
    fail(`bytes ${action.start} to ${action.end} are not in ${action.path}, which has ${before.length}`)
  }
  if (lineNumber(before, action.start) !== action.startLine)
    fail(`byte ${action.start} is not in line ${action.startLine}`)
  const there = before.subarray(action.start, action.end)
  if (action.tool === 'Edit') {
    if (countLines(there) !== action.replacedLines) fail(`it does not replace ${action.replacedLines} lines`)
    const content = spanBytes(blobs, action.content)
    disk.set(action.path, Buffer.concat([before.subarray(0, action.start), content, before.subarray(action.end)]))
    return
  }
  if (step.observation === null) return fail('a Read shows nothing')
  if (Buffer.compare(spanBytes(blobs, step.observation), there) !== 0) {
    fail(`what it shows of ${action.path} is not what is there`)
  }
}

/** What a Check says depends on the files alone, so it can be held to its word. */
async function runCheck(
  { action: { path }, observation }: Step,
  disk: Map<string, Uint8Array>,
  checker: Checker,
  blobs: BlobStore,
  fail: Fail,
): Promise<void> {
  if (!disk.has(path)) fail(`${path} is not written yet`)
  if (observation === null) return fail('a Check shows nothing')
  const now = {
    has: (one: string) => disk.has(one),
    get: (one: string) => disk.get(one),
    paths: () => [...disk.keys()],
  }
  const { output } = await checker.check(path, now)
  if (Buffer.compare(spanBytes(blobs, observation), Buffer.from(output)) !== 0) {
    fail(`a check of ${path} says something else now`)
  }
}

function checkPlan(trajectory: Trajectory, disk: ReadonlyMap<string, Uint8Array>): void {
  const planned = trajectory.plan.files.map((file) => file.path)
  const missing = planned.filter((path) => !disk.has(path))
  const extra = [...disk.keys()].filter((path) => !planned.includes(path))
  if (missing.length + extra.length === 0 && new Set(planned).size === planned.length) return
  throw new SynthesisError(
    'REPLAY_FAILED',
    `${trajectory.id}: the plan is not what was written: ${missing.length} planned files are missing, ${extra.length} were not planned.`,
    { missing, extra },
  )
}

function checkFiles(
  trajectory: Trajectory,
  snapshot: RepositorySnapshot,
  disk: ReadonlyMap<string, Uint8Array>,
  blobs: BlobStore,
  result: ReplayResult,
): void {
  const wrong = snapshot.files.filter((file) => {
    const written = disk.get(file.path)
    return written === undefined || Buffer.compare(written, blobs.get(file.blob)) !== 0
  })
  if (wrong.length > 0 || disk.size !== snapshot.files.length) {
    const paths = wrong.map((file) => file.path)
    const message = `${trajectory.id}: ${wrong.length} of ${snapshot.files.length} files do not come out as they are in the repository, such as ${paths[0] ?? 'one that is not in it'}.`
    throw new SynthesisError('REPLAY_FAILED', message, { paths })
  }
  result.files = disk.size
  for (const bytes of disk.values()) result.bytes += bytes.length
}
