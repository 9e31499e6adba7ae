import { realpathSync } from 'node:fs'
import { basename, sep } from 'node:path'
import type { SkippedFile } from '../../../records/index.js'
import { counted } from '../../counted.js'
import { GroundingError } from '../../errors.js'
import type { GroundingOptions } from '../../options.js'
import type { CandidateFile } from '../../selection/candidate-file.js'
import { judgeByName, vendoredPart } from '../../selection/name-rules.js'
import { nameFromPath, type RepositoryInput } from '../repository-input.js'
import { ContentWindow } from './contents.js'
import { gitLayoutOf } from './layout.js'
import { judgeListed, listedIn, maxListedBytes, withoutFoldersOf, type Listed } from './listing.js'
import { GitProcess, type GitAnswer } from './process.js'
import { readRef } from './refs.js'

/** The commit of a repository; or, for a folder to read as plain files, the reason (`null` where it is no repository). */
type GitInput = RepositoryInput | { asFolder: string | null }

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

/** The files of a listing that may be read, and those that are skipped. */
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
