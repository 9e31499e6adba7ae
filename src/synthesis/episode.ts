import { seededRandom } from '../core/index.js'
import { localImports } from '../generation/index.js'
import type { Episode, FileRecord, Step } from '../records/index.js'
import { lineNumber } from '../tools/index.js'
import { chooseRead, byNameCount } from './choose-reads.js'
import { attemptSteps, faultSteps } from './debugging/debugging-steps.js'
import { planDebugging } from './debugging/plan-debugging.js'
import type { Disk } from './disk.js'
import { fileRequest, thoughtBeforePart, writeAction, type FileWork, type RepositoryWork } from './file-work.js'
import { splitFile } from './split-file.js'

/** Makes the episode of a file: Reads, thoughts, Writes and Edits; for some files with a wrong first version and a fix. */
export async function episodeOf(work: RepositoryWork, file: FileRecord, purpose: string, disk: Disk): Promise<Episode> {
  const fileWork: FileWork = { ...work, file, purpose, bytes: work.blobs.get(file.blob), disk, read: [] }
  const { steps: reads, ...readsCall } = await readSteps(fileWork)
  const debugging = await debuggingSteps(fileWork)
  if (debugging !== null) return { ...debugging, ...readsCall, path: file.path, steps: [...reads, ...debugging.steps] }
  return { ...readsCall, path: file.path, steps: [...reads, ...(await codeSteps(fileWork))] }
}

/** The Reads of written files. The thought on them stands before the first Read. */
async function readSteps(work: FileWork): Promise<Pick<Episode, 'steps' | 'readsCall'>> {
  const { files, disk, generator, options, blobs, file } = work
  const candidates = byNameCount(localImports(file).filter(({ path }) => isReadable(work, path)))
  const maxReads = options.maxReadsPerFile
  const { paths: chosen, call } = await generator.chooseReads({ ...fileRequest(work), candidates, maxReads })
  const paths = [...new Set(chosen)].filter((path) => isReadable(work, path)).slice(0, maxReads)
  const names = new Map(candidates.map((candidate) => [candidate.path, candidate.names]))
  const steps = paths.map((path): Step => {
    const source = files.get(path) as FileRecord
    const { start, end } = chooseRead(source, blobs.get(source.blob), names.get(path) ?? [], options.maxReadBytes)
    return {
      thought: null,
      action: { tool: 'Read', path, start, end, startLine: lineNumber(disk.get(path) as Uint8Array, start) },
      observation: { blob: source.blob, start, end },
    }
  })
  const readsCall = call === undefined ? {} : { readsCall: call }
  const [first] = steps
  if (first === undefined) return { ...readsCall, steps }
  const thought = await generator.thought({ ...fileRequest(work), leadsTo: { kind: 'read', paths } })
  work.read.push(...paths)
  return { ...readsCall, steps: [{ ...first, thought }, ...steps.slice(1)] }
}

const isReadable = ({ files, disk }: FileWork, path: string): boolean =>
  disk.has(path) && (files.get(path)?.sizeBytes ?? 0) > 0

/** Writes the file: a Write of its first part, then for each further part an Edit that appends it. */
async function codeSteps(work: FileWork): Promise<Step[]> {
  const steps: Step[] = []
  for (const part of splitFile(work.file, work.bytes, work.options.maxActionBytes)) {
    steps.push({ thought: await thoughtBeforePart(work, part), action: writeAction(work, part), observation: null })
  }
  return steps
}

/** The steps of a file that is first written wrong; `null` for the other files, which are most. */
async function debuggingSteps(work: FileWork): Promise<Pick<Episode, 'steps' | 'debugging'> | null> {
  const { options, file, seed, snapshot } = work
  const { share, attemptShare, kinds } = options.debugging
  const random = seededRandom('debugging', seed, snapshot.id, file.path)
  const isDrawn = (probability: number): boolean => random.below(1_000_000) < probability * 1_000_000
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
