import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { normalize } from 'node:path/posix'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import type { SkippedFile } from '../../records/index.js'
import { counted } from '../counted.js'
import { GroundingError } from '../errors.js'
import type { GroundingOptions } from '../options.js'
import { byCodeUnits } from '../order/code-units.js'
import type { CandidateFile } from '../selection/candidate-file.js'
import { judgeByName, judgePathName } from '../selection/name-rules.js'
import type { Verdict } from '../selection/verdict.js'
import { nameFromPath, type RepositoryInput } from './repository-input.js'

const gzipFirstByte = 0x1f

interface ArchiveEntry {
  path: string
  sizeBytes: number
  bytes: Uint8Array | null
  /** Set where the entry is no plain file. */
  skip: Verdict
}

/**
 * Reads a `.tar.gz` into memory; writes nothing to the disk. Content that is skipped by its name or size is not kept.
 *
 * @throws GroundingError `ARCHIVE_INVALID`, `ARCHIVE_UNSAFE` or `ARCHIVE_TOO_LARGE`
 */
export async function listArchive(
  file: string,
  options: GroundingOptions,
  signal?: AbortSignal,
): Promise<RepositoryInput> {
  const found = await readEntries(file, options, signal)
  const top = commonTopFolder(found)
  const stem = basename(file).replace(/\.(tar\.gz|tgz|tar)$/i, '')
  // Every archive of npm has the top folder `package`.
  const versioned = top === undefined || top === 'package' ? stem : top
  const name = versioned.replace(/-v?\d+(\.\d+)*([-.+\w]*)$/, '') || versioned
  const entries: CandidateFile[] = []
  const skipped: SkippedFile[] = []
  for (const entry of latestByPath(found)) {
    const path = top === undefined ? entry.path : entry.path.slice(top.length + 1)
    const unusable = judgePathName(path)
    if (unusable !== null) skipped.push({ path, ...unusable })
    else if (entry.skip !== null) skipped.push({ path, ...entry.skip })
    else
      entries.push({
        path,
        sizeBytes: entry.sizeBytes,
        read: () => entry.bytes ?? { unreadable: 'it was passed over' },
      })
  }
  entries.sort((a, b) => byCodeUnits(a.path, b.path))
  const both = fileThatIsAFolder(entries)
  if (both !== undefined) throw invalidArchive(file, `it holds ${both} both as a file and as a folder`)
  return {
    kind: 'archive',
    commit: null,
    name: nameFromPath([name]),
    prefersReadmeTitle: false,
    packageName: name,
    entries,
    skipped,
  }
}

function readEntries(file: string, options: GroundingOptions, signal?: AbortSignal): Promise<ArchiveEntry[]> {
  return new Promise((resolve, reject) => {
    const entries: ArchiveEntry[] = []
    let unpackedBytes = 0
    let seenEntries = 0
    let settled = false
    const input = createReadStream(file)
    const unpacked = input.pipe(createGunzip())
    const settle = (end: () => void): void => {
      if (settled) return
      settled = true
      signal?.removeEventListener('abort', abort)
      input.destroy()
      unpacked.destroy()
      end()
    }
    const fail = (error: Error): void => settle(() => reject(error))
    const invalid = (why: string): void => fail(invalidArchive(file, why))
    const abort = (): void => fail(new GroundingError('ABORTED', `Reading ${file} was stopped.`))
    // Folders, links and metadata count too: each takes time, kept or not.
    const countEntry = (): void => {
      if (++seenEntries > options.maxEntries) fail(archiveTooLarge(file, options))
    }
    const parser = new Parser({
      // The bounds here limit the unpacked bytes; a file that packs well is no attack.
      maxDecompressionRatio: Infinity,
      zstd: false,
      // A damaged archive is refused: half a repository would look like a whole repository.
      onwarn: (code, message) => {
        if (code !== 'TAR_ENTRY_INFO') invalid(String(message))
      },
      onReadEntry: (entry) => {
        countEntry()
        if (settled) return void entry.resume()
        const problem = unsafePath(entry.path)
        if (problem !== undefined) return fail(unsafeArchive(file, entry.path, problem))
        takeEntry(entry, options, entries)
      },
    })
    parser.on('meta', countEntry)
    parser.on('ignoredEntry', countEntry)
    parser.on('error', (error: Error) => invalid(error.message))
    parser.on('end', () => settle(() => resolve(entries)))
    input.on('error', (error) => invalid(error.message))
    unpacked.on('error', (error) => invalid(error.message))
    unpacked.on('data', (chunk: Buffer) => {
      if (settled) return
      // The parser would unpack a second layer by itself, without counting its bytes.
      if (unpackedBytes === 0 && chunk[0] === gzipFirstByte) return invalid('it is packed twice')
      unpackedBytes += chunk.length
      if (unpackedBytes > options.maxArchiveBytes) return fail(archiveTooLarge(file, options))
      if (parser.write(chunk)) return
      unpacked.pause()
      parser.once('drain', () => unpacked.resume())
    })
    unpacked.on('end', () => {
      if (!settled) parser.end()
    })
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
  })
}

function archiveTooLarge(file: string, options: GroundingOptions): GroundingError {
  const message =
    `${file} unpacks to more than ${counted(options.maxArchiveBytes, 'byte')} (maxArchiveBytes) or ` +
    `${counted(options.maxEntries, 'entry', 'entries')} (maxEntries). Raise these bounds, or give a smaller archive.`
  return new GroundingError('ARCHIVE_TOO_LARGE', message, { path: file })
}

function unsafeArchive(file: string, entry: string, problem: string): GroundingError {
  const message = `${file} holds the entry ${JSON.stringify(entry)}, ${problem}. The archive is refused; pack it again from inside its folder.`
  return new GroundingError('ARCHIVE_UNSAFE', message, { path: file, entry })
}

function invalidArchive(file: string, why: string): GroundingError {
  const message = `${file} is no readable .tar.gz archive: ${why}. Pack it again, or give the unpacked folder.`
  return new GroundingError('ARCHIVE_INVALID', message, { path: file })
}

/** A path that is both a file and a folder. @param entries sorted by path */
function fileThatIsAFolder(entries: readonly CandidateFile[]): string | undefined {
  const paths = new Set(entries.map((entry) => entry.path))
  for (const path of paths) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (paths.has(path.slice(0, at))) return path.slice(0, at)
    }
  }
  return undefined
}

function takeEntry(entry: ReadEntry, options: GroundingOptions, entries: ArchiveEntry[]): void {
  const path = normalize(entry.path).replace(/\/$/, '')
  if (path === '.') return void entry.resume()
  const taken: ArchiveEntry = { path, sizeBytes: entry.size, bytes: null, skip: null }
  if (entry.type === 'File' || entry.type === 'OldFile' || entry.type === 'ContiguousFile') {
    entries.push(taken)
    if (judgeByName(path, entry.size, options) !== null) return void entry.resume()
    const chunks: Buffer[] = []
    entry.on('data', (chunk) => chunks.push(chunk))
    entry.on('end', () => (taken.bytes = Uint8Array.from(Buffer.concat(chunks))))
    return
  }
  if (entry.type === 'SymbolicLink' || entry.type === 'Link') {
    taken.skip = { reason: 'symlink', detail: whereLinkLeads(path, entry.linkpath ?? '', entry.type === 'Link') }
    entries.push(taken)
  } else if (entry.type !== 'Directory' && entry.type !== 'GNUDumpDir') {
    taken.skip = { reason: 'not-a-file', detail: `an entry of type ${entry.type}` }
    entries.push(taken)
  }
  entry.resume()
}

/** Why a path is not safe; `undefined` where it is. */
function unsafePath(path: string): string | undefined {
  if (path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path) || path.startsWith('\\')) return 'an absolute path'
  if (path.split(/[\\/]/).includes('..')) return 'which leads out of its folder'
  return undefined
}

function whereLinkLeads(path: string, target: string, hard: boolean): string {
  const kind = hard ? 'a hard link' : 'a link'
  const end = normalize(hard ? target : `${path}/../${target}`)
  if (target.startsWith('/') || end.startsWith('..')) return `${kind} that leads out of the root`
  if (end === path || path.startsWith(`${end}/`) || end === '.') return `${kind} that loops`
  return `${kind} to ${target}`
}

/** The folder that contains everything, as in archives of npm and of source distributions. */
function commonTopFolder(entries: readonly ArchiveEntry[]): string | undefined {
  const tops = new Set(entries.map((entry) => (entry.path.includes('/') ? entry.path.split('/', 1)[0] : '')))
  const [top] = tops
  return tops.size === 1 && top !== '' ? top : undefined
}

/** An archive may contain a path twice; as when unpacking, the last entry counts. */
function latestByPath(entries: readonly ArchiveEntry[]): ArchiveEntry[] {
  return [...new Map(entries.map((entry) => [entry.path, entry])).values()]
}
