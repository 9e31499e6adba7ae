import { digestOf, type BlobStore } from '../core/index.js'
import { localImports, type Generator, type ThoughtRequest } from '../generation/index.js'
import type { Episode, FileRecord, RepositorySnapshot, Step, Trajectory } from '../records/index.js'
import { chooseFiles, chooseRead } from './choose-reads.js'
import type { SynthesisOptions } from './options.js'
import { lineNumber, splitFile } from './split-file.js'

/**
 * Rebuilds a process that ends in the repository: the main agent writes requirements and plan, then each file's agent
 * thinks, reads what it depends on and is written, and writes its own file. All words come from the generator, all
 * content from the blobs.
 *
 * The result is not yet held to the replay law; see `replayTrajectory`.
 */
export async function synthesizeTrajectory(
  snapshot: RepositorySnapshot,
  generator: Generator,
  options: SynthesisOptions,
  blobs: BlobStore,
): Promise<Trajectory> {
  const plan = await generator.plan(snapshot)
  const files = new Map(snapshot.files.map((file) => [file.path, file]))
  const work: Work = { snapshot, files, written: new Set(), generator, options, blobs }
  const episodes: Episode[] = []
  for (const path of snapshot.order) {
    const file = files.get(path) as FileRecord
    episodes.push({ path, steps: [...(await readSteps(work, file)), ...(await codeSteps(work, file))] })
    work.written.add(path)
  }
  return {
    schemaVersion: 1,
    id: snapshot.id,
    name: snapshot.name,
    domain: options.domain,
    snapshot: digestOf(snapshot),
    generator: generator.info,
    requirements: await generator.requirements(snapshot),
    plan: {
      approach: plan.approach,
      files: snapshot.order.map((path, index) => ({ path, purpose: plan.purposes[index] ?? '' })),
    },
    episodes,
  }
}

/** The request that the thought of a step answers; the search asks for rewrites with the same one. */
export function thoughtRequestFor(
  snapshot: RepositorySnapshot,
  trajectory: Trajectory,
  episodeIndex: number,
  stepIndex: number,
): ThoughtRequest {
  const episode = trajectory.episodes[episodeIndex] as Episode
  const { action } = episode.steps[stepIndex] as Step
  const written = new Set(trajectory.episodes.slice(0, episodeIndex).map((one) => one.path))
  const reads = episode.steps.flatMap((step) => (step.action.tool === 'Read' ? [step.action.path] : []))
  const leadsTo: ThoughtRequest['leadsTo'] =
    action.tool === 'Read'
      ? { kind: 'read', paths: reads }
      : { kind: 'code', start: action.content.start, end: action.content.end }
  return { snapshot, path: episode.path, written, leadsTo }
}

/** What the file agents work with; `written` grows as they go. */
interface Work {
  snapshot: RepositorySnapshot
  files: ReadonlyMap<string, FileRecord>
  written: Set<string>
  generator: Generator
  options: SynthesisOptions
  blobs: BlobStore
}

/** Looks at what the file depends on and is written; the thought that says so stands before the first Read. */
async function readSteps(
  { snapshot, files, written, generator, options, blobs }: Work,
  file: FileRecord,
): Promise<Step[]> {
  const imports = localImports(file).filter(({ path }) => written.has(path))
  const steps: Step[] = []
  for (const { path, names } of chooseFiles(imports, options.maxReadsPerFile)) {
    const source = files.get(path) as FileRecord
    if (source.sizeBytes === 0) continue
    const bytes = blobs.get(source.blob)
    const { start, end } = chooseRead(source, bytes, names, options.maxReadBytes)
    steps.push({
      thought: null,
      action: { tool: 'Read', path, start, end, startLine: lineNumber(bytes, start) },
      observation: { blob: source.blob, start, end },
    })
  }
  const [first] = steps
  if (first === undefined) return []
  const paths = steps.map((step) => step.action.path)
  const thought = await generator.thought({ snapshot, path: file.path, written, leadsTo: { kind: 'read', paths } })
  return [{ ...first, thought }, ...steps.slice(1)]
}

/** Writes the file: its first part, then one Edit behind the end for each further part. */
async function codeSteps({ snapshot, written, generator, options, blobs }: Work, file: FileRecord): Promise<Step[]> {
  const bytes = blobs.get(file.blob)
  const steps: Step[] = []
  for (const { start, end } of splitFile(file, bytes, options.maxActionBytes)) {
    const thought = await generator.thought({
      snapshot,
      path: file.path,
      written,
      leadsTo: { kind: 'code', start, end },
    })
    const content = { blob: file.blob, start, end }
    const action: Step['action'] =
      start === 0
        ? { tool: 'Write', path: file.path, content }
        : { tool: 'Edit', path: file.path, start, end: start, startLine: lineNumber(bytes, start), content }
    steps.push({ thought, action, observation: null })
  }
  return steps
}
