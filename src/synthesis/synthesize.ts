import { digestOf, eachBounded, type BlobStore, type SpanReader } from '../core/index.js'
import type { Generator, ThoughtRequest } from '../generation/index.js'
import type { Episode, FileRecord, RepositorySnapshot, Step, Trajectory } from '../records/index.js'
import { toolDefinitions } from '../tools/index.js'
import { createChecker } from './debugging/checker.js'
import type { Disk } from './disk.js'
import { episodeOf } from './episode.js'
import type { RepositoryWork } from './file-work.js'
import { makePlan } from './make-plan.js'
import type { SynthesisOptions } from './options.js'

/** How many files are synthesized at once: more than a server answers at once, as each of them mostly waits. */
const filesAtOnce = 64

/**
 * Rebuilds a process that ends in the repository: the main agent writes requirements and plan, then the agent of each
 * file reads written files that it depends on, thinks, and writes its file. All words come from the generator, and all
 * content from the blobs of the snapshot, except drafts, which get blobs of their own.
 *
 * The result is not checked yet; see `replayTrajectory`.
 *
 * @param seed decides which files get a debugging episode, and which faults
 */
export async function synthesizeTrajectory(
  snapshot: RepositorySnapshot,
  generator: Generator,
  options: SynthesisOptions,
  blobs: BlobStore,
  seed = 0,
): Promise<Trajectory> {
  const { requirements, plan } = await makePlan(snapshot, generator)
  const files = new Map(snapshot.files.map((file) => [file.path, file]))
  const work: RepositoryWork = { snapshot, files, generator, options, blobs, checker: createChecker(), seed }
  const turns = new Map(plan.files.map(({ path }, index) => [path, index]))
  // An agent knows the plan and the files before its own, but not the thoughts of other agents, so all files can be
  // synthesized concurrently. Their number is bounded, so that a failure stops the rest and memory is enough.
  const episodes: Episode[] = new Array<Episode>(plan.files.length)
  await eachBounded(plan.files.entries(), filesAtOnce, async ([index, { path, purpose }]) => {
    episodes[index] = await episodeOf(work, files.get(path) as FileRecord, purpose, diskBefore(work, turns, index))
  })
  return {
    schemaVersion: 2,
    id: snapshot.id,
    name: snapshot.name,
    domain: options.domain,
    snapshot: digestOf(snapshot),
    generator: generator.info,
    tools: [...toolDefinitions],
    requirements,
    plan,
    episodes,
  }
}

/** The files that are written before the turn of a file. It only looks into the plan, so that thousands of them are small. */
function diskBefore({ files, blobs }: RepositoryWork, turns: ReadonlyMap<string, number>, index: number): Disk {
  const has = (path: string): boolean => (turns.get(path) ?? Infinity) < index
  return {
    has,
    get: (path) => (has(path) ? blobs.get((files.get(path) as FileRecord).blob) : undefined),
    paths: () => [...turns.keys()].slice(0, index),
  }
}

/** The request for the thought of a step, as synthesis made it; the search asks for rewrites with the same request. */
export function thoughtRequestFor(
  snapshot: RepositorySnapshot,
  trajectory: Trajectory,
  episodeIndex: number,
  stepIndex: number,
  read: SpanReader,
  showCode: boolean,
): ThoughtRequest {
  const { path, steps } = trajectory.episodes[episodeIndex] as Episode
  const before = steps.slice(0, stepIndex)
  const { action } = steps[stepIndex] as Step
  return {
    snapshot,
    path,
    purpose: trajectory.plan.files[episodeIndex]?.purpose ?? '',
    written: new Set(trajectory.episodes.slice(0, episodeIndex).map((episode) => episode.path)),
    read: pathsRead(before),
    leadsTo: leadsTo(action, steps, before, read, showCode),
  }
}

const pathsRead = (steps: readonly Step[]): string[] =>
  steps.flatMap(({ action }) => (action.tool === 'Read' ? [action.path] : []))

function leadsTo(
  action: Step['action'],
  steps: readonly Step[],
  before: readonly Step[],
  read: SpanReader,
  showCode: boolean,
): ThoughtRequest['leadsTo'] {
  if (!('content' in action)) return { kind: 'read', paths: pathsRead(steps) }
  const { start, end } = action.content
  const code = showCode ? read(action.content) : null
  const checkOutput = before.findLast((step) => step.action.tool === 'Check')?.observation
  if (checkOutput === undefined || checkOutput === null) return { kind: 'code', start, end, code }
  return { kind: 'fix', start, end, check: read(checkOutput), code }
}
