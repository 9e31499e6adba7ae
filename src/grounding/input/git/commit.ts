import { basename, sep } from 'node:path'
import { realpathSync } from 'node:fs'
import type { SkippedFile } from '../../../records/index.js'
import { GroundingError } from '../../errors.js'
import { gitLayoutOf } from './layout.js'
import { GitProcess, type GitAnswer } from './process.js'
import { readRef } from './refs.js'
import { byCodeUnits } from '../../languages/language-of.js'
import type { GroundingOptions } from '../../options.js'
import { nameFromPath, type InputEntry, type RepositoryInput } from '../repository-input.js'
import { judgeByName, judgePathName, vendoredPart } from '../../selection/skip-rules.js'

/** The commit of a repository; or, of a folder that is none or cannot be read as one, why not. */
export type GitInput = RepositoryInput | { asFolder: string | null }

/** Content that is fetched by one call of git. */
const WINDOW_BYTES = 8 * 1024 * 1024
const WINDOW_FILES = 1_000
/** Of one line of a listing: mode, type, id, size, path. */
const MAX_LISTED_BYTES = 512

/**
 * Lists the commit of a working tree or a bare repository: exactly what was committed, whatever lies in the working
 * tree. Objects are read by the system's git; nothing of the repository's configuration reaches it.
 *
 * @param revision a branch, a tag, an id, with `~2` or `^` behind; HEAD where it is `null`
 * @throws GroundingError `GIT_UNREADABLE` where the commit was asked for by name or there is nothing but it
 */
export function listCommit(path: string, revision: string | null, options: GroundingOptions): GitInput {
  const layout = gitLayoutOf(path)
  const isCalledFor = revision !== null || layout?.isBare === true
  if (layout === null) {
    if (revision === null) return { asFolder: null }
    throw unreadable(path, `${path} is no git repository, so it has no revision ${revision}. Give the folder alone.`)
  }
  if (options.git === 'worktree' && !isCalledFor) return { asFolder: null }
  const orFolder = (why: string): GitInput => {
    if (!isCalledFor) return { asFolder: why }
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
  // Trees are listed too (`-t`): one that holds itself a billion times over, with no file in it, would else be walked
  // for minutes without a byte that the bound on the listing could count.
  const listing = git.run(
    ['ls-tree', '-r', '-t', '-z', '-l', '--full-tree', commit],
    options.maxEntries * MAX_LISTED_BYTES,
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
    packageName: name,
    ...entriesOf(listing, git, options),
    dispose: () => git.dispose(),
  }
}

/** What git is asked for: an id that a ref of the repository stands for, or one given as such, and the steps from there. */
function startOf(gitFolder: string, revision: string): { name: string; idLength: number } | null {
  const [, base = '', steps = ''] = /^(.+?)((?:[~^]\d{0,6}){0,20})$/.exec(revision) ?? []
  const id = readRef(gitFolder, base)
  if (id !== null) return { name: id + steps, idLength: id.length }
  if (!/^[0-9a-f]{4,64}$/.test(base)) return null
  // The form of the ids here: as long as HEAD's, where that one can be read.
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
    const detail = `the listing stopped here after ${kept.length + skipped.length} entries (maxEntries)`
    skipped.push({ path: '.', reason: 'too-many-files', detail })
  }
  const files = withoutFoldersOf(kept)
  const contents = new ContentWindow(
    git,
    files.filter(
      (file) => vendoredPart(file.path) === undefined && judgeByName(file.path, file.sizeBytes, options) === null,
    ),
  )
  const entries = files.map((file): InputEntry => ({
    path: file.path,
    sizeBytes: file.sizeBytes,
    read: () => contents.read(file),
  }))
  return { entries, skipped }
}

/** A listing's whole lines: `MODE TYPE ID SIZE\tPATH\0`. A last line that was cut is left out. */
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

function judgeListed({ mode, id, sizeBytes, path }: Listed): Pick<SkippedFile, 'reason' | 'detail'> | null {
  if (mode === '120000') return { reason: 'symlink', detail: 'a link' }
  if (mode === '160000') return { reason: 'not-a-file', detail: `a submodule, at commit ${id}` }
  const unusable = judgePathName(path)
  if (unusable !== null) return unusable
  // Git's own checks refuse such names on checkout; a tree made by hand can hold them.
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..' || /^[A-Za-z]:$/.test(part))) {
    return { reason: 'unsupported', detail: 'its name leads out of the folder, or is none' }
  }
  if (!Number.isSafeInteger(sizeBytes)) return { reason: 'unreadable', detail: 'its object is missing' }
  return null
}

/** In order of path, each once; a name that is a file and a folder, which only a tree made by hand has, is left out. */
function withoutFoldersOf(files: readonly Listed[]): Listed[] {
  const folders = new Set<string>()
  for (const { path } of files) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  }
  const byPath = new Map(files.filter((file) => !folders.has(file.path)).map((file) => [file.path, file]))
  return [...byPath.values()].sort((a, b) => byCodeUnits(a.path, b.path))
}

/** Content of files, fetched in stretches in order of path; only one stretch is held at a time. */
class ContentWindow {
  private readonly positions: Map<string, number>
  private held = new Map<string, Uint8Array>()

  /** @param files those that may be read, in order of path */
  constructor(
    private readonly git: GitProcess,
    private readonly files: readonly Listed[],
  ) {
    this.positions = new Map(files.map((file, at) => [file.path, at]))
  }

  read(file: Listed): Uint8Array | { unreadable: string } {
    const at = this.positions.get(file.path)
    if (at === undefined) return { unreadable: 'it was passed over' }
    if (!this.held.has(file.id)) this.fetchFrom(at)
    return this.held.get(file.id) ?? { unreadable: 'its object is missing or damaged' }
  }

  private fetchFrom(start: number): void {
    let [end, sizeBytes] = [start, 0]
    while (end < this.files.length && end - start < WINDOW_FILES) {
      sizeBytes += (this.files[end] as Listed).sizeBytes
      if (end > start && sizeBytes > WINDOW_BYTES) break
      end++
    }
    const wanted = this.files.slice(start, end)
    const answer = this.git.run(
      ['cat-file', '--batch'],
      sizeBytes + wanted.length * MAX_LISTED_BYTES,
      wanted.map((file) => `${file.id}\n`).join(''),
    )
    this.held = blobsIn(answer.stdout)
  }
}

/** `ID blob SIZE\n` and the content with a line end, again and again; `ID missing` has no content. */
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
