import { digestOf, silentProgress, type BlobStore, type Progress } from '../core/index.js'
import type { FileRecord, ImportCounts, ImportRecord, RepositorySnapshot, SkippedFile } from '../records/index.js'
import { GroundingError } from './errors.js'
import { graphOf, implementationOrder, type Graph } from './order/graph.js'
import { byCodeUnits, isManifest } from './languages/language-of.js'
import { resolversFor } from './languages/resolvers.js'
import { checkLicence, detectLicence } from './licence/detect.js'
import { listInput } from './input/list.js'
import { aboutRepository } from './manifests/about-repository.js'
import type { FileSignature, RepositorySignatures } from './duplicates/near-duplicates.js'
import { groundingOptionsSchema, type GroundingOptions, type GroundingOptionsGiven } from './options.js'
import { parseFiles, type ParsePool } from './parsing/pool.js'
import type { ParsedFile } from './parsing/parse-file.js'
import type { FileAnswer } from './parsing/worker.js'
import type { RepositoryInput } from './input/repository-input.js'
import { selectFiles, type SelectedFile } from './selection/select-files.js'

export interface GroundingContext {
  pool?: ParsePool
  progress?: Progress
  signal?: AbortSignal
}

/** What grounding gives: the snapshot, and what near-duplicates are found by (no files where `duplicates` is off). */
export interface Grounded {
  snapshot: RepositorySnapshot
  signatures: RepositorySignatures
}

/**
 * Reads a folder, a commit of git or a `.tar.gz` into a snapshot; contents go into `blobs`. Nothing of it is executed,
 * followed out of its root, or written.
 *
 * @throws GroundingError with the codes of `GroundingErrorCode`
 */
export async function groundRepository(
  path: string,
  options: GroundingOptionsGiven,
  blobs: Pick<BlobStore, 'put'>,
  context: GroundingContext = {},
): Promise<RepositorySnapshot> {
  return (await groundWithSignatures(path, options, blobs, context)).snapshot
}

/** The same, with the signatures of its files. */
export async function groundWithSignatures(
  path: string,
  options: GroundingOptionsGiven,
  blobs: Pick<BlobStore, 'put'>,
  context: GroundingContext = {},
): Promise<Grounded> {
  const bounds = groundingOptionsSchema.parse(options)
  const { progress = silentProgress, pool, signal } = context

  // What is there, and what of it stays.
  const input = await listInput(path, bounds, (line) => progress.note(line), signal)
  const { files, skipped } = selectAndClose(input, bounds)
  if (files.length === 0) throw emptyRepository(path, skipped)
  const texts = new Map(files.map((file) => [file.path, file.text]))
  const licence = detectLicence(texts)
  checkLicence(path, licence, bounds.licences.allow)

  // What each file holds.
  const stage = progress.stage(`parse ${input.name}`, files.length, 'files')
  const tasks = files.map(({ path: filePath, language, text }) => ({
    path: filePath,
    language,
    text,
    maxParseChars: bounds.maxParseBytes,
    maxOutlineDepth: bounds.maxOutlineDepth,
    // Copies of a licence or of a guide for contributors make no two repositories alike.
    sign: bounds.duplicates !== false && language !== 'text',
  }))
  const answers = await stopOnAbort(path, signal, parseFiles(tasks, stage, pool, signal))
  const parsed = answers.map((answer) => answer.parsed)
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
  const id = `${slugOf(name)}-${digest.slice(0, 8)}`
  const snapshot: RepositorySnapshot = {
    schemaVersion: 2,
    id,
    name,
    source: { kind: input.kind, digest, commit: input.commit },
    about: { ...about, title: about.title === '' ? name : about.title },
    licence,
    files: records,
    skipped,
    dependencies: [...graph].flatMap(([from, targets]) =>
      [...targets].sort(byCodeUnits).map((to): [string, string] => [from, to]),
    ),
    components,
    order,
    importCounts: countImports(records),
    importCountsByLanguage: countByLanguage(records),
  }
  return { snapshot, signatures: { id, files: signaturesOf(files, answers) } }
}

function selectAndClose(input: RepositoryInput, bounds: GroundingOptions): ReturnType<typeof selectFiles> {
  try {
    return selectFiles(input, bounds)
  } finally {
    input.dispose?.()
  }
}

function signaturesOf(files: readonly SelectedFile[], answers: readonly FileAnswer[]): FileSignature[] {
  return files.flatMap(({ path, bytes }, at) => {
    const signature = answers[at]?.signature ?? null
    return signature === null ? [] : [{ path, sizeBytes: bytes.length, signature }]
  })
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
  const parsedByPath = new Map(files.map((file, at) => [file.path, parsed[at] as ParsedFile]))
  const resolverOf = resolversFor({ texts, parsed: parsedByPath, packageName: input.packageName, skipped })
  const strong = new Map<string, Set<string>>(files.map((file) => [file.path, new Set()]))
  const imports = files.map((file, at) => {
    const resolver = file.language === 'text' ? undefined : resolverOf(file.language)
    if (resolver === undefined) return []
    const records = (parsed[at]?.imports ?? []).flatMap((raw) => {
      const found = resolver.resolve(file.path, raw)
      for (const { target } of raw.weak ? [] : found) {
        if (target.kind === 'file') strong.get(file.path)?.add(target.path)
      }
      return found
    })
    const neighbours = resolver.neighbours?.(file.path, parsed[at]?.references ?? []) ?? []
    return mergeImports([...records, ...neighbours])
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

function fileRecord(
  file: SelectedFile,
  parsed: ParsedFile,
  imports: ImportRecord[],
  blobs: Pick<BlobStore, 'put'>,
): FileRecord {
  const newlines = countNewlines(file.bytes)
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

function countNewlines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++
  return count
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

function countImports(records: readonly FileRecord[]): ImportCounts {
  const counts = countBy(records.flatMap((record) => record.imports.map((one) => one.target.kind)))
  return {
    file: counts.get('file') ?? 0,
    external: counts.get('external') ?? 0,
    unresolved: counts.get('unresolved') ?? 0,
  }
}

function countByLanguage(records: readonly FileRecord[]): RepositorySnapshot['importCountsByLanguage'] {
  const importing = records.filter((record) => record.imports.length > 0)
  const languages = [...new Set(importing.map((record) => record.language))].sort(byCodeUnits)
  return Object.fromEntries(
    languages.map((language) => [language, countImports(importing.filter((one) => one.language === language))]),
  )
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
