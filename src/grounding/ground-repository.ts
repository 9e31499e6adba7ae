import { openSync, readSync, closeSync, statSync, type Stats } from 'node:fs'
import { digestOf, silentProgress, type BlobStore, type Progress } from '../core/index.js'
import type { FileRecord, ImportRecord, RepositorySnapshot, SkippedFile } from '../records/index.js'
import { listArchive } from './archive-input.js'
import { GroundingError } from './errors.js'
import { listFolder } from './folder-input.js'
import { graphOf, implementationOrder, type Graph } from './graph.js'
import { byCodeUnits, isManifest } from './languages.js'
import { aboutRepository } from './manifests.js'
import { groundingOptionsSchema, type GroundingOptions } from './options.js'
import { parseFiles, type ParsePool } from './parse-pool.js'
import type { ParsedFile } from './parse-file.js'
import type { RepositoryInput } from './repository-input.js'
import { pythonResolver } from './resolve-python.js'
import { scriptResolver } from './resolve-script.js'
import { selectFiles, type SelectedFile } from './select-files.js'

export interface GroundingContext {
  pool?: ParsePool
  progress?: Progress
  signal?: AbortSignal
}

/**
 * Reads a folder or a `.tar.gz` into a snapshot; contents go into `blobs`. Nothing of it is executed, followed out of
 * its root, or written.
 *
 * @throws GroundingError with the codes of `GroundingErrorCode`
 */
export async function groundRepository(
  path: string,
  options: Partial<GroundingOptions>,
  blobs: BlobStore,
  context: GroundingContext = {},
): Promise<RepositorySnapshot> {
  const bounds = groundingOptionsSchema.parse(options)
  const { progress = silentProgress, pool, signal } = context

  // What is there, and what of it stays.
  const input = await listInput(path, bounds, signal)
  const { files, skipped } = selectFiles(input, bounds)
  if (files.length === 0) throw emptyRepository(path, skipped)
  const texts = new Map(files.map((file) => [file.path, file.text]))

  // What each file holds.
  const stage = progress.stage(`parse ${input.name}`, files.length, 'files')
  const requests = files.map(({ path: filePath, language, text }) => ({
    path: filePath,
    language,
    text,
    maxParseChars: bounds.maxParseBytes,
    maxOutlineDepth: bounds.maxOutlineDepth,
  }))
  const parsed = await stopOnAbort(path, signal, parseFiles(requests, stage, pool, signal))
  stage.finish()

  // How the files depend on each other, and in which order they can be written.
  const { imports, isStrong } = resolveImports(files, parsed, input, texts, skipped)
  const records = files.map((file, at) =>
    fileRecord(file, parsed[at] as ParsedFile, imports[at] as ImportRecord[], blobs),
  )
  const graph = graphOf(texts.keys(), records.flatMap(dependenciesOf))
  const { components, order } = implementationOrder(
    graph,
    rankByKind(records, graph),
    (from, to) => !isStrong(from, to),
  )

  const { name = input.name, about } = aboutRepository(texts)
  const digest = digestOf(records.map((record) => [record.path, record.blob]))
  return {
    schemaVersion: 1,
    id: `${slugOf(name)}-${digest.slice(0, 8)}`,
    name,
    source: { kind: input.kind, digest },
    about: { ...about, title: about.title === '' ? name : about.title },
    files: records,
    skipped,
    dependencies: [...graph].flatMap(([from, targets]) =>
      [...targets].sort(byCodeUnits).map((to): [string, string] => [from, to]),
    ),
    components,
    order,
    importCounts: countImports(records),
  }
}

async function listInput(path: string, options: GroundingOptions, signal?: AbortSignal): Promise<RepositoryInput> {
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
  if (stat.isDirectory()) return listFolder(path, options)
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

function emptyRepository(path: string, skipped: readonly SkippedFile[]): GroundingError {
  const counts = countBy(skipped.map((file) => file.reason))
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')
  const why =
    skipped.length === 0
      ? 'holds no files'
      : `holds nothing to write: all ${skipped.length} entries were skipped (${reasons})`
  return new GroundingError('REPOSITORY_EMPTY', `${path} ${why}. Give a folder or archive with source files.`, {
    path,
    skipped: Object.fromEntries(counts),
  })
}

async function stopOnAbort<T>(path: string, signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (signal?.aborted) throw new GroundingError('ABORTED', `Grounding ${path} was stopped.`, { path }, { cause })
    throw cause
  }
}

function resolveImports(
  files: readonly SelectedFile[],
  parsed: readonly ParsedFile[],
  input: RepositoryInput,
  texts: ReadonlyMap<string, string>,
  skipped: readonly SkippedFile[],
): { imports: ImportRecord[][]; isStrong: (from: string, to: string) => boolean } {
  const ofScript = scriptResolver(texts, skipped)
  const ofPython = pythonResolver([...texts.keys()], input.packageName, skipped)
  const strong = new Map<string, Set<string>>(files.map((file) => [file.path, new Set()]))
  const imports = files.map((file, at) => {
    const records = (parsed[at]?.imports ?? []).flatMap((raw) => {
      const found =
        file.language === 'python'
          ? ofPython(file.path, raw)
          : [{ specifier: raw.specifier, names: raw.names, target: ofScript(file.path, raw) }]
      for (const { target } of raw.weak ? [] : found) {
        if (target.kind === 'file') strong.get(file.path)?.add(target.path)
      }
      return found
    })
    return mergeImports(records)
  })
  return { imports, isStrong: (from, to) => strong.get(from)?.has(to) === true }
}

/** One record for each specifier and target, in order of first use. */
function mergeImports(records: readonly ImportRecord[]): ImportRecord[] {
  const merged = new Map<string, ImportRecord>()
  for (const record of records) {
    const key = JSON.stringify([record.specifier, record.target])
    const before = merged.get(key)?.names ?? []
    merged.set(key, { ...record, names: [...new Set([...before, ...record.names])] })
  }
  return [...merged.values()]
}

function fileRecord(file: SelectedFile, parsed: ParsedFile, imports: ImportRecord[], blobs: BlobStore): FileRecord {
  const newlines = file.text.split('\n').length - 1
  return {
    path: file.path,
    blob: blobs.put(file.bytes),
    sizeBytes: file.bytes.length,
    lines: newlines + (file.text === '' || file.text.endsWith('\n') ? 0 : 1),
    language: file.language,
    outlineFrom: parsed.outlineFrom,
    parseNote: parsed.parseNote,
    doc: parsed.doc,
    outline: parsed.outline,
    imports,
  }
}

function dependenciesOf(record: FileRecord): [string, string][] {
  return record.imports.flatMap(({ target }) =>
    target.kind === 'file' ? [[record.path, target.path] as [string, string]] : [],
  )
}

/** Manifests, then source and what source reads, then all other text. */
function rankByKind(records: readonly FileRecord[], graph: Graph): (path: string) => number {
  const usedBySource = new Set([...graph.values()].flatMap((targets) => [...targets]))
  const ranks = new Map(
    records.map((record) => {
      const isSource = record.language !== 'text' || usedBySource.has(record.path)
      return [record.path, isManifest(record.path) ? 0 : isSource ? 1 : 2]
    }),
  )
  return (path) => ranks.get(path) ?? 2
}

function countImports(records: readonly FileRecord[]): RepositorySnapshot['importCounts'] {
  const counts = countBy(records.flatMap((record) => record.imports.map((one) => one.target.kind)))
  return {
    file: counts.get('file') ?? 0,
    external: counts.get('external') ?? 0,
    unresolved: counts.get('unresolved') ?? 0,
  }
}

function countBy<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** Safe as a file name on every system. */
function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '')
  return slug.slice(0, 64) || 'repository'
}
