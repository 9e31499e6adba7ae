import { closeSync, openSync, readSync, statSync, type Stats } from 'node:fs'
import { GroundingError } from '../errors.js'
import type { GroundingOptions } from '../options.js'
import { refuseAddress } from './address.js'
import { listArchive } from './archive.js'
import { listFolder } from './folder.js'
import { listCommit } from './git/commit.js'
import { splitRevision } from './git/layout.js'
import type { RepositoryInput } from './repository-input.js'

/**
 * Lists the files of an input without reading them: of a folder, of a git repository (its commit), of `path@revision`
 * or of a `.tar.gz`.
 *
 * @param note gets a line for people: why a repository is read as a plain folder
 * @throws GroundingError where the input is no repository, or cannot be read
 */
export async function listInput(
  input: string,
  options: GroundingOptions,
  note: (line: string) => void,
  signal?: AbortSignal,
): Promise<RepositoryInput> {
  refuseAddress(input)
  const { path, revision } = splitRevision(input)
  const stat = statOf(path)
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

function statOf(path: string): Stats {
  try {
    return statSync(path)
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'does not exist' : code === 'ELOOP' ? 'is a link that loops' : `cannot be read (${code})`
    const message = `${path} ${why}. Give a folder or a .tar.gz archive.`
    throw new GroundingError('INPUT_NOT_FOUND', message, { path }, { cause })
  }
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
