import { seededRandom } from '../core/index.js'
import { localImports, type ThoughtRequest } from '../generation/index.js'
import type { Episode, FileRecord, Step } from '../records/index.js'
import { lineNumber } from '../tools/index.js'
import { chooseRead, byWeight } from './choose-reads.js'
import { attemptSteps, faultSteps } from './debugging/debugged-steps.js'
import { planDebugging } from './debugging/plan-debugging.js'
import type { Disk } from './disk.js'
import { splitFile, type Part } from './split-file.js'
import type { Work } from './synthesize.js'

/** What a file agent has before it, at the turn of its file. */
export interface FileWork extends Work {
  file: FileRecord
  purpose: string
  bytes: Uint8Array
  /** What is written before the file. */
  disk: Disk
  /** Files that the agent has read. */
  read: string[]
}

/** One file's episode: Reads, thoughts, Writes and Edits; for some files with a first version that is wrong. */
export async function episodeOf(work: Work, file: FileRecord, purpose: string, disk: Disk): Promise<Episode> {
  const fileWork: FileWork = { ...work, file, purpose, bytes: work.blobs.get(file.blob), disk, read: [] }
  const { steps: reads, ...chosen } = await readSteps(fileWork)
  const debugged = await debuggedSteps(fileWork)
  if (debugged !== null) return { ...debugged, ...chosen, path: file.path, steps: [...reads, ...debugged.steps] }
  return { ...chosen, path: file.path, steps: [...reads, ...(await codeSteps(fileWork))] }
}

/** Looks at written files; the thought that says so stands before the first Read. */
async function readSteps(work: FileWork): Promise<Pick<Episode, 'steps' | 'readsCall'>> {
  const { files, disk, generator, options, blobs, file } = work
  const candidates = byWeight(localImports(file).filter(({ path }) => isReadable(work, path)))
  const maxReads = options.maxReadsPerFile
  const { paths: said, call } = await generator.chooseReads({ ...requestOf(work), candidates, maxReads })
  const paths = [...new Set(said)].filter((path) => isReadable(work, path)).slice(0, maxReads)
  const names = new Map(candidates.map((one) => [one.path, one.names]))
  const steps = paths.map((path): Step => {
    const source = files.get(path) as FileRecord
    const { start, end } = chooseRead(source, blobs.get(source.blob), names.get(path) ?? [], options.maxReadBytes)
    return {
      thought: null,
      action: { tool: 'Read', path, start, end, startLine: lineNumber(disk.get(path) as Uint8Array, start) },
      observation: { blob: source.blob, start, end },
    }
  })
  const chosenBy = call === undefined ? {} : { readsCall: call }
  const [first] = steps
  if (first === undefined) return { ...chosenBy, steps }
  const thought = await generator.thought({ ...requestOf(work), leadsTo: { kind: 'read', paths } })
  work.read.push(...paths)
  return { ...chosenBy, steps: [{ ...first, thought }, ...steps.slice(1)] }
}

const isReadable = ({ files, disk }: FileWork, path: string): boolean =>
  disk.has(path) && (files.get(path)?.sizeBytes ?? 0) > 0

/** Writes the file: its first part, then one Edit behind the end for each further part. */
async function codeSteps(work: FileWork): Promise<Step[]> {
  const steps: Step[] = []
  for (const part of splitFile(work.file, work.bytes, work.options.maxActionBytes)) {
    steps.push({ thought: await thoughtOn(work, part), action: writingOf(work, part), observation: null })
  }
  return steps
}

/** The thought before a part of the file is written. */
export function thoughtOn(work: FileWork, { start, end }: Part): ReturnType<FileWork['generator']['thought']> {
  const code = work.options.showCode ? textOf(work.bytes.subarray(start, end)) : null
  return work.generator.thought({ ...requestOf(work), leadsTo: { kind: 'code', start, end, code } })
}

const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

/** The action that writes a part of the true file where all before it is written. */
export function writingOf({ file, bytes }: FileWork, { start, end }: Part): Step['action'] {
  const { path, blob } = file
  const content = { blob, start, end }
  if (start === 0) return { tool: 'Write', path, content }
  return { tool: 'Edit', path, start, end: start, startLine: lineNumber(bytes, start), replacedLines: 0, content }
}

/** What every request of this agent says. */
export function requestOf({ snapshot, file, purpose, disk, read }: FileWork): Omit<ThoughtRequest, 'leadsTo'> {
  return { snapshot, path: file.path, purpose, written: disk, read: [...read] }
}

/** The steps of a file that is first written wrong; `null` for the files that are not, which are most. */
async function debuggedSteps(work: FileWork): Promise<Pick<Episode, 'steps' | 'debugging'> | null> {
  const { options, file, seed, snapshot } = work
  const { share, attemptShare, kinds } = options.debugging
  const random = seededRandom('debugging', seed, snapshot.id, file.path)
  const isDrawn = (wanted: number): boolean => random.below(1_000_000) < wanted * 1_000_000
  if (file.language === 'text' || file.sizeBytes === 0 || !isDrawn(share)) return null
  if (isDrawn(attemptShare)) {
    const steps = await attemptSteps(work)
    if (steps !== null) return steps
  }
  const { bytes: truth, disk, checker } = work
  const plan = await planDebugging({
    file,
    truth,
    disk,
    checker,
    kinds,
    random,
    maxActionBytes: options.maxActionBytes,
  })
  return plan === null ? null : faultSteps(work, plan)
}
