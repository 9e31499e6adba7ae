import { execFile } from 'node:child_process'
import { existsSync, readdirSync, statSync, statfsSync, type Dirent } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { CoreError } from '../../core/index.js'
import { gitLayoutOf, GroundingError, splitRevision, type GroundingOptions } from '../../grounding/index.js'
import { checkModules, probePython, pythonPath, TrainingError } from '../../training/index.js'

/** As `engines` of package.json says. */
const oldestNode = 20

/** The version of Node.js. @throws CoreError `NODE_TOO_OLD` */
export function checkNode(version = process.versions.node): string {
  if (Number.parseInt(version) >= oldestNode) return `v${version}`
  const message = `Node.js ${version} is too old. Install version ${oldestNode} or later from https://nodejs.org.`
  throw new CoreError('NODE_TOO_OLD', message, { version, oldestNode })
}

/** The version of git. @throws GroundingError `GIT_MISSING` */
export async function findGit(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', ['--version'])
    return stdout.trim()
  } catch (cause) {
    const message = 'There is no git on this machine. Install it, or give plain folders and archives.'
    throw new GroundingError('GIT_MISSING', message, {}, { cause })
  }
}

/** Whether an input cannot be read without git: a revision of a repository, or a bare one. */
export function needsGit(input: string): boolean {
  const { path, revision } = splitRevision(input)
  if (revision !== null) return true
  try {
    return statSync(path).isDirectory() && gitLayoutOf(path)?.isBare === true
  } catch {
    return false // Grounding will say what is wrong with it.
  }
}

/** A run's folder takes about so many times the bytes of its inputs; most of that are the two formats of its shards. */
const runBytesPerInputByte = 6
/** An archive unpacks to about so many times its bytes. */
const bytesPerArchivedByte = 4
const neverRead = new Set(['.git', 'node_modules'])

/** Room on the disk that a run's folder is on. @throws CoreError `DISK_TOO_SMALL` where the inputs need more of it */
export function checkDisk(folder: string, inputs: readonly string[], bounds: GroundingOptions): string {
  const place = existingParent(resolve(folder))
  const { bavail, bsize } = statfsSync(place)
  const free = bavail * bsize
  // Most often there is room for as much as the bounds allow, and nothing has to be counted.
  const bound = inputs.length * bounds.maxTotalBytes
  const read = bound * runBytesPerInputByte <= free ? 0 : inputs.reduce((sum, input) => sum + sizeOf(input, bounds), 0)
  const needed = read * runBytesPerInputByte
  if (needed <= free) return `${gibibytes(free)} free for ${place}`
  const message = `The disk of ${place} has ${gibibytes(free)} free, and a run of these inputs takes about ${gibibytes(needed)}. Free some, or give --out on another disk.`
  throw new CoreError('DISK_TOO_SMALL', message, { needed, available: free })
}

function existingParent(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existingParent(dirname(path))
}

/** Bytes of an input that may be read, roughly. */
function sizeOf(input: string, { maxTotalBytes, maxFileSizeBytes, maxEntries }: GroundingOptions): number {
  const { path } = splitRevision(input)
  const stat = statSync(path)
  if (!stat.isDirectory()) return Math.min(maxTotalBytes, stat.size * bytesPerArchivedByte)
  let [sum, entries] = [0, 0]
  const folders = [path]
  for (let folder = folders.pop(); folder !== undefined && entries < maxEntries; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      entries++
      const inner = join(folder, entry.name)
      if (entry.isDirectory() && !neverRead.has(entry.name)) folders.push(inner)
      if (!entry.isFile()) continue
      const size = statSync(inner, { throwIfNoEntry: false })?.size ?? 0
      if (size <= maxFileSizeBytes) sum += size
    }
  }
  return Math.min(maxTotalBytes, sum)
}

/** What is in a folder; nothing where it cannot be read, as grounding then skips it. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}

/** The Python that `retrace train` would start, and its PyTorch. @throws TrainingError `PYTHON_MISSING`, `PYTHON_INCOMPLETE` */
export async function findPython(python: string | undefined): Promise<string> {
  const path = pythonPath({ python })
  if (python === undefined && !existsSync(path)) {
    const message = `There is no Python environment at ${path} yet. \`retrace train\` makes it, or takes one that --python names.`
    throw new TrainingError('PYTHON_MISSING', message, { path })
  }
  const probe = await probePython(path)
  checkModules(path, probe, undefined)
  const gpus = probe.cuda.length === 0 ? 'no GPU' : probe.cuda.map(({ name }) => name).join(', ')
  return `${path}: Python ${probe.python}, PyTorch ${probe.torch}, ${gpus}`
}
