import type { FileRecord, OutlineItem, RepositorySnapshot } from '../../records/index.js'
import type { FileRequest, ReadChoiceRequest, ThoughtRequest } from '../generator.js'
import { externalPackages, itemsIn } from '../narrator/outline-facts.js'
import { joinList } from '../narrator/prose.js'
import type { Facts, ShrinkableFact } from './fit-facts.js'
import { details, fileDoc, nameList, namesAround, outlineLines, type Detail } from './outline-text.js'
import { indexSnapshot, type SnapshotIndex, type FileImport } from './snapshot-index.js'

const maxPurposeChars = 300
const maxLineChars = 300
const maxNames = 8
const maxUsers = 12

/** The name of the repository and its summary. */
export function aboutFacts({ name, about }: RepositorySnapshot): Record<'name' | 'summary', string> {
  return { name: cutEnd(name), summary: about.summary }
}

/** The facts that a file agent gets to decide which files to read. */
export function readChoiceFacts(request: ReadChoiceRequest): Facts {
  const { snapshot, path, candidates, maxReads } = request
  const { items } = splitOutline(indexSnapshot(snapshot).file(path), null)
  return {
    ...fileFacts(request, items),
    candidates: { share: 0.2, versions: [() => candidates.map(importLine).join('\n')] },
    count: String(maxReads),
  }
}

/** The names that the step declares. */
export function declaredNames({ snapshot, path, leadsTo }: ThoughtRequest): string[] {
  const file = indexSnapshot(snapshot).file(path)
  return splitOutline(file, leadsTo.kind === 'code' ? leadsTo : null).items.flatMap(({ name }) => name.split(', '))
}

/** The facts about the next step. `code` is among them if the step shows it; only some prompts have a place for it. */
export function stepFacts(request: ThoughtRequest): Facts {
  const { snapshot, path, read, leadsTo } = request
  const index = indexSnapshot(snapshot)
  const file = index.file(path)
  // A fix may lie inside one body and declare nothing, so it gets the outline of the whole file.
  const { items, before, after } = splitOutline(file, leadsTo.kind === 'code' ? leadsTo : null)
  const users = index.usersOf(path)
  return {
    ...fileFacts(request, items),
    read: cutEnd(read.join(', ')),
    before: cutStart(nameList(file, before)),
    after: cutEnd(nameList(file, after)),
    packages: cutEnd(joinList(externalPackages(file))),
    users: { share: 0.1, versions: [() => users.slice(0, maxUsers).map(importLine).join('\n')] },
    ...nextStepFacts(request, index),
  }
}

function nextStepFacts({ path, leadsTo }: ThoughtRequest, index: SnapshotIndex): Facts {
  if (leadsTo.kind === 'read') {
    const names = new Map(index.dependenciesOf(path).map((dependency) => [dependency.path, dependency.names]))
    const files = leadsTo.paths.map((file) => ({ path: file, names: names.get(file) ?? [] }))
    return { reads: { share: 0.2, versions: [() => files.map(importLine).join('\n')] } }
  }
  const { kind, start, end } = leadsTo
  // A part of a file begins at a declaration. The bytes on both sides of its start tell which declarations enclose it.
  const [first, last] = kind === 'fix' ? [start, end] : [start - 1, start + 1]
  const within = namesAround(index.file(path), first, last)
  const halfOfRoom = (text: string): ShrinkableFact => ({ share: 0.5, versions: [() => text] })
  return {
    within,
    ...(leadsTo.kind === 'fix' ? { check: halfOfRoom(leadsTo.check) } : {}),
    ...(leadsTo.code === null ? {} : { code: halfOfRoom(leadsTo.code) }),
  }
}

function fileFacts({ snapshot, path, purpose, written }: FileRequest, items: readonly OutlineItem[]): Facts {
  const index = indexSnapshot(snapshot)
  const file = index.file(path)
  const head = fileDoc(file)
  const outline = (detail: Detail) => (): string =>
    [...(head === '' ? [] : [head]), ...outlineLines(file, items, detail)].join('\n')
  const dependencyText = (detail: Detail) => (): string =>
    index
      .dependenciesOf(path)
      .flatMap((dependency) => dependencyLines(index, dependency, written.has(dependency.path), detail))
      .join('\n')
  return {
    ...aboutFacts(snapshot),
    path,
    language: file.language,
    lines: String(file.lines),
    purpose: purpose.slice(0, maxPurposeChars),
    outline: { share: 0.4, versions: details.map(outline) },
    dependencies: { share: 0.4, versions: details.map(dependencyText) },
  }
}

/** A dependency, and the declarations of the names that are imported from it. */
function dependencyLines(index: SnapshotIndex, dependency: FileImport, isWritten: boolean, detail: Detail): string[] {
  const head = isWritten ? importLine(dependency) : `${importLine(dependency)} (not written yet)`
  if (detail === 'names' || !index.has(dependency.path)) return [head]
  const file = index.file(dependency.path)
  const names = new Set(dependency.names)
  const declared = file.outline.filter((item) => item.name.split(', ').some((name) => names.has(name)))
  const items = declared.length > 0 ? declared : file.outline.filter((item) => item.exported)
  return [head, ...outlineLines(file, items, detail).map((line) => `  ${line}`)]
}

/** `src/words.ts: splitWords, WordCounter` */
function importLine({ path, names }: FileImport): string {
  const words = names.map((name) => (name === '*' ? 'all of it' : name))
  return names.length === 0 ? path : `${path}: ${cutEnd(joinList(words, maxNames))}`
}

interface OutlineParts {
  items: readonly OutlineItem[]
  before: readonly OutlineItem[]
  after: readonly OutlineItem[]
}

/** The declarations of a part of a file, and those before and after it. */
function splitOutline(file: FileRecord, part: { start: number; end: number } | null): OutlineParts {
  if (part === null) return { items: file.outline, before: [], after: [] }
  return {
    items: itemsIn(file.outline, part.start, part.end),
    before: itemsIn(file.outline, 0, part.start),
    after: itemsIn(file.outline, part.end, file.sizeBytes),
  }
}

const cutEnd = (text: string): string => (text.length <= maxLineChars ? text : `${text.slice(0, maxLineChars - 1)}…`)

/** The end of a list of names: the names written last matter most for the next part. */
const cutStart = (text: string): string => (text.length <= maxLineChars ? text : `…${text.slice(1 - maxLineChars)}`)
