import { digestOf, type BlobSpan, type BlobStore } from '../core/index.js'
import type { RepositorySnapshot, Trajectory } from '../records/index.js'
import { noActions, toolOf, type ReplayWorld, type ToolCounter } from '../tools/index.js'
import { createChecker } from './debugging/checker.js'
import { SynthesisError } from './errors.js'

/** Files and bytes that a replay wrote, and a count of the actions of each tool. */
export type ReplayResult = { files: number; bytes: number } & Record<ToolCounter, number>

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
  const world = replayWorld(disk, blobs)
  const result: ReplayResult = { files: 0, bytes: 0, ...noActions() }
  for (const episode of trajectory.episodes) {
    for (const [index, { action, observation }] of episode.steps.entries()) {
      const fail = (reason: string): never => {
        throw new SynthesisError(
          'REPLAY_FAILED',
          `${trajectory.id}: step ${index + 1} of ${episode.path} breaks the replay law: ${reason}.`,
          { trajectory: trajectory.id, path: episode.path, step: index },
        )
      }
      if ('content' in action && action.path !== episode.path) fail(`it writes ${action.path}`)
      const tool = toolOf(action.tool)
      await tool.replay(action, observation, { ...world, fail })
      result[tool.counter]++
    }
  }
  checkPlan(trajectory, disk)
  checkFiles(trajectory, snapshot, disk, blobs, result)
  return result
}

/** Content of a span; the store checks the blob's digest. @throws SynthesisError where the span leaves the blob */
function spanBytes(blobs: BlobStore, { blob, start, end }: BlobSpan): Uint8Array {
  const bytes = blobs.get(blob)
  if (start <= end && end <= bytes.length) return bytes.subarray(start, end)
  throw new SynthesisError(
    'REPLAY_FAILED',
    `Bytes ${start} to ${end} are not in blob ${blob}, which has ${bytes.length}.`,
  )
}

/** What actions run on: files in memory that the trajectory has written so far, and the checker. */
function replayWorld(disk: Map<string, Uint8Array>, blobs: BlobStore): Omit<ReplayWorld, 'fail'> {
  const checker = createChecker()
  const now = {
    has: (path: string) => disk.has(path),
    get: (path: string) => disk.get(path),
    paths: () => [...disk.keys()],
  }
  return {
    get: (path) => disk.get(path),
    write: (path, bytes) => void disk.set(path, bytes),
    bytesOf: (span) => spanBytes(blobs, span),
    check: async (path) => (await checker.check(path, now)).output,
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
