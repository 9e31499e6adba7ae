import { realpathSync } from 'node:fs'
import { basename, sep } from 'node:path'
import type { SkippedFile } from '../../../records/index.js'
import { counted } from '../../counted.js'
import { GroundingError } from '../../errors.js'
import type { GroundingOptions } from '../../options.js'
import { byCodeUnits } from '../../order/code-units.js'
import type { CandidateFile } from '../../selection/candidate-file.js'
import { judgeByName, judgePathName, vendoredPart } from '../../selection/name-rules.js'
import type { Verdict } from '../../selection/verdict.js'
import { nameFromPath, type RepositoryInput } from '../repository-input.js'
import { gitLayoutOf } from './layout.js'
import { GitProcess, type GitAnswer } from './process.js'
import { readRef } from './refs.js'

/** The commit of a repository; or, for a folder to read as plain files, the reason (`null` where it is no repository). */
export type GitInput = RepositoryInput | { asFolder: string | null }

/** The most content that one call of git fetches. */
const windowBytes = 8 * 1024 * 1024
const windowFiles = 1_000
/** Of one entry of a listing: mode, type, id, size, path. */
const maxListedBytes = 512

/**
 * Lists the commit of a working tree or a bare repository: exactly the committed files, whatever the working tree has.
 * The system's git reads the objects; it never sees the repository's configuration.
 *
 * @param revision a branch, a tag or an id, followed by `~2` or `^` or not; HEAD where it is `null`
 * @throws GroundingError `GIT_UNREADABLE` where a revision is given or the repository is bare, and it cannot be read
 */
export function listCommit(path: string, revision: string | null, options: GroundingOptions): GitInput {
  const layout = gitLayoutOf(path)
  const isRequired = revision !== null || layout?.isBare === true
  if (layout === null) {
    if (revision === null) return { asFolder: null }
    throw unreadable(path, `${path} is no git repository, so it has no revision ${revision}. Give the folder alone.`)
  }
  if (options.git === 'worktree' && !isRequired) return { asFolder: null }
  const orFolder = (why: string): GitInput => {
    if (!isRequired) return { asFolder: why }
    throw unreadable(
      path,
      `${path} cannot be read as a git repository: ${why}. Give an unpacked folder, or a plain clone.`,
    )
  }
  if ('refused' in layout) return orFolder(layout.refused)
  const start = startOf(layout.gitFolder, revision ?? 'HEAD')
  if (start === null && revision === null) return orFolder('it has no commit yet, or its HEAD leads nowhere')
  if (start === null) throw noSuchRevision(path, revision as string)
  const git = new GitProcess(layout.gitFolder, start.idLength, options.gitTimeoutMs)
  const found = git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${start.name}^{commit}`], 1_024)
  if (found.status !== 'ok') {
    git.dispose()
    if (found.status === 'failed' && revision !== null) throw noSuchRevision(path, revision)
    return orFolder(whyNot(found, 'HEAD is no commit that can be read'))
  }
  const commit = found.stdout.toString('utf8').trim()
  // Lists trees too (`-t`): git would walk a tree that contains itself a billion times, without a file, for minutes, and
  // without an output that the bound on the listing could limit.
  const listing = git.run(
    ['ls-tree', '-r', '-t', '-z', '-l', '--full-tree', commit],
    options.maxEntries * maxListedBytes,
  )
  if (listing.status !== 'ok' && listing.status !== 'too-much') {
    git.dispose()
    return orFolder(whyNot(listing, 'its tree cannot be listed'))
  }
  const name = basename(realpathSync(path)).replace(/\.git$/, '') || basename(path)
  const parts = [...realpathSync(path).split(sep).slice(0, -1), name]
  return {
    kind: 'git',
    commit,
    name: nameFromPath(parts),
    prefersReadmeTitle: layout.isBare,
    packageName: name,
    ...entriesOf(listing, git, options),
    dispose: () => git.dispose(),
  }
}

/** The name for git: the id of a ref or a given id, followed by the steps from there; and the length of the ids. */
function startOf(gitFolder: string, revision: string): { name: string; idLength: number } | null {
  const [, base = '', steps = ''] = /^(.+?)((?:[~^]\d{0,6}){0,20})$/.exec(revision) ?? []
  const id = readRef(gitFolder, base)
  if (id !== null) return { name: id + steps, idLength: id.length }
  if (!/^[0-9a-f]{4,64}$/.test(base)) return null
  // Ids are as long as HEAD's, where HEAD can be read.
  const idLength = readRef(gitFolder, 'HEAD')?.length ?? (base.length > 40 ? 64 : 40)
  return { name: base + steps, idLength }
}

interface Listed {
  mode: string
  id: string
  sizeBytes: number
  path: string
}

function entriesOf(
  listing: GitAnswer,
  git: GitProcess,
  options: GroundingOptions,
): Pick<RepositoryInput, 'entries' | 'skipped'> {
  const skipped: SkippedFile[] = []
  const kept: Listed[] = []
  const listed = listedIn(listing.stdout)
  for (const [at, entry] of listed.entries()) {
    if (at >= options.maxEntries) break
    const verdict = judgeListed(entry)
    if (verdict === null) kept.push(entry)
    else skipped.push({ path: entry.path, ...verdict })
  }
  if (listed.length > options.maxEntries || listing.status === 'too-much') {
    const listedCount = counted(kept.length + skipped.length, 'entry', 'entries')
    const detail = `the listing stopped here after ${listedCount} (maxEntries)`
    skipped.push({ path: '.', reason: 'too-many-files', detail })
  }
  const files = withoutFoldersOf(kept)
  const contents = new ContentWindow(
    git,
    files.filter(
      (file) => vendoredPart(file.path) === undefined && judgeByName(file.path, file.sizeBytes, options) === null,
    ),
  )
  const entries = files.map((file): CandidateFile => ({
    path: file.path,
    sizeBytes: file.sizeBytes,
    read: () => contents.read(file),
  }))
  return { entries, skipped }
}

/** The whole lines of a listing: `MODE TYPE ID SIZE\tPATH\0`. A last line that was cut is left out. */
function listedIn(stdout: Buffer): Listed[] {
  const text = stdout.toString('utf8')
  return text
    .slice(0, text.lastIndexOf('\0') + 1)
    .split('\0')
    .flatMap((line) => {
      const tab = line.indexOf('\t')
      const [mode, type, id, size] = line.slice(0, Math.max(0, tab)).split(/ +/)
      if (mode === undefined || id === undefined || type === 'tree') return []
      return [{ mode, id, sizeBytes: Number(size), path: line.slice(tab + 1) }]
    })
}

function judgeListed({ mode, id, sizeBytes, path }: Listed): Verdict {
  if (mode === '120000') return { reason: 'symlink', detail: 'a link' }
  if (mode === '160000') return { reason: 'not-a-file', detail: `a submodule, at commit ${id}` }
  const unusable = judgePathName(path)
  if (unusable !== null) return unusable
  // Git refuses such names on checkout; a tree made by hand can contain them.
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..' || /^[A-Za-z]:$/.test(part))) {
    return { reason: 'unsupported', detail: 'its name leads out of the folder, or is none' }
  }
  if (!Number.isSafeInteger(sizeBytes)) return { reason: 'unreadable', detail: 'its object is missing' }
  return null
}

/** In order of path, each once; without files whose name is also a folder, which only a tree made by hand has. */
function withoutFoldersOf(files: readonly Listed[]): Listed[] {
  const folders = new Set<string>()
  for (const { path } of files) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  }
  const byPath = new Map(files.filter((file) => !folders.has(file.path)).map((file) => [file.path, file]))
  return [...byPath.values()].sort((a, b) => byCodeUnits(a.path, b.path))
}

/** Content of files. Fetches the files in order of path, many with each call of git, and keeps those of the last call. */
class ContentWindow {
  readonly #git: GitProcess
  readonly #files: readonly Listed[]
  readonly #positions: Map<string, number>
  #fetched = new Map<string, Uint8Array>()

  /** @param files the files that may be read, in order of path */
  constructor(git: GitProcess, files: readonly Listed[]) {
    this.#git = git
    this.#files = files
    this.#positions = new Map(files.map((file, at) => [file.path, at]))
  }

  read(file: Listed): Uint8Array | { unreadable: string } {
    const at = this.#positions.get(file.path)
    if (at === undefined) return { unreadable: 'it was passed over' }
    if (!this.#fetched.has(file.id)) this.#fetchFrom(at)
    return this.#fetched.get(file.id) ?? { unreadable: 'its object is missing or damaged' }
  }

  #fetchFrom(start: number): void {
    let [end, sizeBytes] = [start, 0]
    while (end < this.#files.length && end - start < windowFiles) {
      sizeBytes += (this.#files[end] as Listed).sizeBytes
      if (end > start && sizeBytes > windowBytes) break
      end++
    }
    const wanted = this.#files.slice(start, end)
    const answer = this.#git.run(
      ['cat-file', '--batch'],
      sizeBytes + wanted.length * maxListedBytes,
      wanted.map((file) => `${file.id}\n`).join(''),
    )
    this.#fetched = blobsIn(answer.stdout)
  }
}

/** Reads repeated `ID blob SIZE\n`, content and a line end; `ID missing` has no content. */
function blobsIn(stdout: Buffer): Map<string, Uint8Array> {
  const blobs = new Map<string, Uint8Array>()
  for (let at = 0; at < stdout.length;) {
    const lineEnd = stdout.indexOf(0x0a, at)
    if (lineEnd < 0) break
    const [id = '', type, size] = stdout.toString('latin1', at, lineEnd).split(' ')
    at = lineEnd + 1
    if (size === undefined) continue
    const end = at + Number(size)
    if (type === 'blob' && end < stdout.length) blobs.set(id, stdout.subarray(at, end))
    at = end + 1
  }
  return blobs
}

/** Why a call of git failed. */
function whyNot({ status, complaint }: GitAnswer, otherwise: string): string {
  if (status === 'no-git') return 'there is no git on this machine'
  if (status === 'timed-out') return 'git took too long (grounding.gitTimeoutMs)'
  return complaint === '' ? otherwise : `${otherwise} (${complaint.replace(/\/\S+/g, '...').slice(0, 120)})`
}

function noSuchRevision(path: string, revision: string): GroundingError {
  return unreadable(
    path,
    `${path} has no commit ${JSON.stringify(revision)}. Give a branch, a tag or an id that is there.`,
  )
}

function unreadable(path: string, message: string): GroundingError {
  return new GroundingError('GIT_UNREADABLE', message, { path })
}
