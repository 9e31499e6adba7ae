import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  readlinkSync,
  realpathSync,
} from 'node:fs'
import { basename, join, resolve, sep } from 'node:path'
import type { SkippedFile } from '../../records/index.js'
import { counted } from '../counted.js'
import { GroundingError } from '../errors.js'
import type { GroundingOptions } from '../options.js'
import { byCodeUnits } from '../order/code-units.js'
import type { CandidateFile } from '../selection/candidate-file.js'
import { isVendoredFolder, judgePathName, tooDeepVerdict, vendoredVerdict } from '../selection/name-rules.js'
import type { Verdict } from '../selection/verdict.js'
import { nameFromPath, type RepositoryInput } from './repository-input.js'

/** Lists a folder without following a link or opening a file. */
export function listFolder(folder: string, options: GroundingOptions): RepositoryInput {
  const root = realpathSync(folder)
  const walk = new FolderWalk(root, options)
  walk.visit('', 0)
  return {
    kind: 'folder',
    commit: null,
    name: nameFromPath(root.split(sep)),
    prefersReadmeTitle: false,
    packageName: basename(root),
    entries: walk.entries,
    skipped: walk.skipped,
  }
}

class FolderWalk {
  readonly #root: string
  readonly #options: GroundingOptions
  readonly entries: CandidateFile[] = []
  readonly skipped: SkippedFile[] = []
  #visited = 0

  constructor(root: string, options: GroundingOptions) {
    this.#root = root
    this.#options = options
  }

  visit(folder: string, depth: number): void {
    const names = this.#namesIn(folder)
    for (const name of names) {
      if (this.#visited >= this.#options.maxEntries) {
        const detail = `the walk stopped here after ${counted(this.#visited, 'entry', 'entries')} (maxEntries)`
        this.#skip(folder === '' ? '.' : folder, { reason: 'too-many-files', detail })
        return
      }
      this.#visited++
      this.#visitEntry(folder === '' ? name : `${folder}/${name}`, name, depth)
    }
  }

  #visitEntry(path: string, name: string, depth: number): void {
    const full = join(this.#root, path)
    const unusable = judgePathName(name)
    if (unusable !== null) {
      this.#skip(path, unusable)
      return
    }
    let stat
    try {
      stat = lstatSync(full)
    } catch (error) {
      this.#skip(path, { reason: 'unreadable', detail: reasonOf(error) })
      return
    }
    if (stat.isSymbolicLink()) this.#skip(path, { reason: 'symlink', detail: this.#whereLinkLeads(full) })
    else if (stat.isDirectory()) this.#visitFolder(path, name, depth)
    // The `.git` file of a submodule or a linked working tree names a folder of this machine.
    else if (name === '.git') this.#skip(path, { reason: 'vendored', detail: "git's own file" })
    else if (!stat.isFile()) this.#skip(path, { reason: 'not-a-file', detail: 'a socket, a pipe or a device' })
    else this.entries.push({ path, sizeBytes: stat.size, read: (bound) => readBounded(full, bound) })
  }

  #visitFolder(path: string, name: string, depth: number): void {
    if (isVendoredFolder(name)) this.#skip(path, vendoredVerdict)
    else if (depth + 1 > this.#options.maxDepth) this.#skip(path, tooDeepVerdict(this.#options))
    else this.visit(path, depth + 1)
  }

  #namesIn(folder: string): string[] {
    try {
      return readdirSync(join(this.#root, folder)).sort(byCodeUnits)
    } catch (error) {
      if (folder === '') {
        const message = `${this.#root} cannot be read: ${reasonOf(error)}. Check its permissions.`
        throw new GroundingError('INPUT_NOT_FOUND', message, { path: this.#root }, { cause: error })
      }
      this.#skip(folder, { reason: 'unreadable', detail: reasonOf(error) })
      return []
    }
  }

  #whereLinkLeads(link: string): string {
    let end: string
    try {
      end = realpathSync(link)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ELOOP' ? 'a link that loops' : 'a link that leads nowhere'
    }
    if (resolve(link).startsWith(end + sep)) return 'a link that loops: it leads to a folder that holds it'
    if (end !== this.#root && !end.startsWith(this.#root + sep)) return 'a link that leads out of the root'
    return `a link to ${readlinkSync(link)}`
  }

  #skip(path: string, verdict: NonNullable<Verdict>): void {
    this.skipped.push({ path, ...verdict })
  }
}

/** Reads at most `bound + 1` bytes of a plain file; a file that became a link or a pipe since it was listed is not read. */
function readBounded(path: string, bound: number): Uint8Array | { unreadable: string } {
  let file
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return { unreadable: reasonOf(error) }
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) return { unreadable: 'it is no plain file any more' }
    const buffer = new Uint8Array(Math.min(stat.size, bound) + 1)
    let length = 0
    for (;;) {
      const count = readSync(file, buffer, length, buffer.length - length, null)
      length += count
      if (count === 0 || length === buffer.length) return buffer.subarray(0, length)
    }
  } catch (error) {
    return { unreadable: reasonOf(error) }
  } finally {
    closeSync(file)
  }
}

/** The reason by the error's code: the error's message contains paths of the machine. */
function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  return code === 'EACCES' || code === 'EPERM' ? 'no permission to read it' : `reading failed with ${code}`
}
