import { digestOf, silentProgress, type BlobStore, type Progress } from '../core/index.js'
import type { FileRecord, ImportCounts, ImportRecord, RepositorySnapshot, SkippedFile } from '../records/index.js'
import type { FileSignature, RepositorySignatures } from './duplicates/near-duplicates.js'
import { GroundingError } from './errors.js'
import { listInput } from './input/list.js'
import type { RepositoryInput } from './input/repository-input.js'
import { isManifest } from './languages/language-of.js'
import type { ParsedFile } from './languages/parsed-file.js'
import { resolveImports } from './languages/resolve-imports.js'
import { checkLicence, detectLicence } from './licence/detect.js'
import { aboutRepository } from './manifests/about-repository.js'
import { groundingOptionsSchema, type GroundingOptions, type GroundingOptionsGiven } from './options.js'
import { byCodeUnits } from './order/code-units.js'
import { graphOf, type Graph } from './order/graph.js'
import { implementationOrder } from './order/implementation-order.js'
import { parseFiles, type ParsePool } from './parsing/pool.js'
import type { FileAnswer } from './parsing/worker.js'
import { selectFiles, type SelectedFile } from './selection/select-files.js'

export interface GroundingContext {
  pool?: ParsePool
  progress?: Progress
  signal?: AbortSignal
}

/** The result of grounding: the snapshot, and the signatures for finding near-duplicates (none where `duplicates` is off). */
export interface Grounded {
  snapshot: RepositorySnapshot
  signatures: RepositorySignatures
}

/**
 * Reads a folder, a commit of git or a `.tar.gz` into a snapshot, and puts the contents of its files into `blobs`. Runs
 * nothing of it, follows no link out of its root, and writes nothing to it.
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

  // List the input, and select the files that stay.
  const input = await listInput(path, bounds, (line) => progress.note(line), signal)
  const { files, skipped } = selectAndClose(input, bounds)
  if (files.length === 0) throw emptyRepository(path, skipped)
  const texts = new Map(files.map((file) => [file.path, file.text]))
  const licence = detectLicence(texts)
  checkLicence(path, licence, bounds.licences.allow)

  // Parse each file.
  const stage = progress.stage(`parse ${input.name}`, files.length, 'files')
  const tasks = files.map(({ path: filePath, language, text }) => ({
    path: filePath,
    language,
    text,
    maxParseChars: bounds.maxParseBytes,
    maxOutlineDepth: bounds.maxOutlineDepth,
    // Texts get no signature: copies of a licence or of a guide for contributors do not make repositories similar.
    sign: bounds.duplicates !== false && language !== 'text',
  }))
  const answers = await stopOnAbort(path, signal, parseFiles(tasks, stage, pool, signal))
  const parsed = answers.map((answer) => answer.parsed)
  stage.finish()

  // Resolve the imports, and find an order in which the files can be written.
  const parsedByPath = new Map(files.map((file, at) => [file.path, parsed[at] as ParsedFile]))
  const { imports, isStrong } = resolveImports(files, {
    texts,
    parsed: parsedByPath,
    packageName: input.packageName,
    skipped,
  })
  const records = files.map((file, at) =>
    fileRecord(file, parsed[at] as ParsedFile, imports[at] as ImportRecord[], blobs),
  )
  const graph = graphOf(texts.keys(), records.flatMap(dependenciesOf))
  const { components, order } = implementationOrder(
    graph,
    rankByKind(records, graph),
    (from, to) => !isStrong(from, to),
  )

  const { name: manifestName, readmeTitle, about } = aboutRepository(texts)
  const name = manifestName ?? (input.prefersReadmeTitle ? readmeTitle : undefined) ?? input.name
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
  const all = skipped.length === 1 ? 'its only entry was' : `all ${skipped.length} entries were`
  const why = skipped.length === 0 ? 'holds no files' : `holds nothing to write: ${all} skipped (${reasons})`
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

/** Manifests first, then source and the files that source reads, then all other text. */
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
  const counts = countBy(records.flatMap((record) => record.imports.map(({ target }) => target.kind)))
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
    languages.map((language) => [language, countImports(importing.filter((record) => record.language === language))]),
  )
}

function countBy<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** A name that is safe as a file name on every system. */
function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '')
  return slug.slice(0, 64) || 'repository'
}
