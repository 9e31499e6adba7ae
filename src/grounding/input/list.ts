import { closeSync, openSync, readSync, statSync, type Stats } from 'node:fs'
import { listArchive } from './archive.js'
import { GroundingError } from '../errors.js'
import { listFolder } from './folder.js'
import { splitRevision } from './git/layout.js'
import { listCommit } from './git/commit.js'
import type { GroundingOptions } from '../options.js'
import type { RepositoryInput } from './repository-input.js'

/**
 * What an input holds, unread: a folder, a repository of git (its commit), `path@revision` or a `.tar.gz`.
 *
 * @param note takes a line for a person: why a repository is read as a plain folder
 * @throws GroundingError with the codes of what was given
 */
export async function listInput(
  input: string,
  options: GroundingOptions,
  note: (line: string) => void,
  signal?: AbortSignal,
): Promise<RepositoryInput> {
  const { path, revision } = splitRevision(input)
  let stat: Stats
  try {
    stat = statSync(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const why =
      code === 'ENOENT' ? 'does not exist' : code === 'ELOOP' ? 'is a link that loops' : `cannot be read (${code})`
    throw new GroundingError(
      'INPUT_NOT_FOUND',
      `${path} ${why}. Give a folder or a .tar.gz archive.`,
      { path },
      { cause },
    )
  }
  if (stat.isDirectory()) {
    const listed = listCommit(path, revision, options)
    if (!('asFolder' in listed)) return listed
    if (listed.asFolder !== null) note(`${path} is read as a plain folder, without a commit: ${listed.asFolder}.`)
    return listFolder(path, options)
  }
  if (stat.isFile() && startsAsGzip(path)) return listArchive(path, options, signal)
  if (stat.isFile() && /\.(tar\.gz|tgz)$/i.test(path)) {
    const message = `${path} is named as an archive, but holds no gzip data. Pack it again, or give the unpacked folder.`
    throw new GroundingError('ARCHIVE_INVALID', message, { path })
  }
  const what = stat.isFile() ? 'is a file and no gzip archive' : 'is neither a folder nor a file'
  throw new GroundingError('INPUT_UNSUPPORTED', `${path} ${what}. Give a folder or a .tar.gz archive.`, { path })
}

function startsAsGzip(path: string): boolean {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new GroundingError('INPUT_NOT_FOUND', `${path} cannot be read. Check its permissions.`, { path }, { cause })
  }
  const head = Buffer.alloc(2)
  readSync(file, head)
  closeSync(file)
  return head[0] === 0x1f && head[1] === 0x8b
}
