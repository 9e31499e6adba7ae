import type { FileRecord, OutlineItem, RepositorySnapshot } from '../../records/index.js'
import type { FileRequest, ReadChoiceRequest, ThoughtRequest } from '../generator.js'
import { externalPackages, itemsIn } from '../narrator/outline-facts.js'
import { joinList } from '../narrator/prose.js'
import type { Facts, ShrinkableFact } from './fit-facts.js'
import { details, fileDoc, nameList, namesAround, outlineLines, type Detail } from './outline-text.js'
import { indexOf, type SnapshotIndex, type FileNames } from './snapshot-index.js'

const maxPurposeChars = 300
const maxLineChars = 300
const maxNames = 8
const maxUsers = 12

/** What the repository is called and says of itself. */
export function aboutFacts({ name, about }: RepositorySnapshot): Record<'name' | 'summary', string> {
  return { name: cutEnd(name), summary: about.summary }
}

/** What a file agent knows before it decides what to read. */
export function readChoiceFacts(request: ReadChoiceRequest): Facts {
  const { snapshot, path, candidates, maxReads } = request
  const { items } = splitOutline(indexOf(snapshot).file(path), null)
  return {
    ...fileFacts(request, items),
    candidates: { share: 0.2, versions: [() => candidates.map(importLine).join('\n')] },
    count: String(maxReads),
  }
}

/** The names that the step declares. */
export function declaredNames({ snapshot, path, leadsTo }: ThoughtRequest): string[] {
  const file = indexOf(snapshot).file(path)
  return splitOutline(file, leadsTo.kind === 'code' ? leadsTo : null).items.flatMap(({ name }) => name.split(', '))
}

/** What is known of the step to come; `code`, where the step shows it, has a place in some prompts and in others none. */
export function stepFacts(request: ThoughtRequest): Facts {
  const { snapshot, path, read, leadsTo } = request
  const structure = indexOf(snapshot)
  const file = structure.file(path)
  // What is mended may lie inside of one body, where nothing is declared: it is seen against the whole file.
  const { items, before, after } = splitOutline(file, leadsTo.kind === 'code' ? leadsTo : null)
  const users = structure.usersOf(path)
  return {
    ...fileFacts(request, items),
    read: cutEnd(read.join(', ')),
    before: cutStart(nameList(file, before)),
    after: cutEnd(nameList(file, after)),
    packages: cutEnd(joinList(externalPackages(file))),
    users: { share: 0.1, versions: [() => users.slice(0, maxUsers).map(importLine).join('\n')] },
    ...nextStepFacts(request, structure),
  }
}

function nextStepFacts({ path, leadsTo }: ThoughtRequest, structure: SnapshotIndex): Facts {
  if (leadsTo.kind === 'read') {
    const names = new Map(structure.dependenciesOf(path).map((dependency) => [dependency.path, dependency.names]))
    const files = leadsTo.paths.map((file) => ({ path: file, names: names.get(file) ?? [] }))
    return { reads: { share: 0.2, versions: [() => files.map(importLine).join('\n')] } }
  }
  const { kind, start, end } = leadsTo
  // A part of a file begins where a declaration does: the bytes on both sides say what it lies in.
  const [first, last] = kind === 'fix' ? [start, end] : [start - 1, start + 1]
  const within = namesAround(structure.file(path), first, last)
  const halfOfRoom = (text: string): ShrinkableFact => ({ share: 0.5, versions: [() => text] })
  return {
    within,
    ...(leadsTo.kind === 'fix' ? { check: halfOfRoom(leadsTo.check) } : {}),
    ...(leadsTo.code === null ? {} : { code: halfOfRoom(leadsTo.code) }),
  }
}

function fileFacts({ snapshot, path, purpose, written }: FileRequest, items: readonly OutlineItem[]): Facts {
  const structure = indexOf(snapshot)
  const file = structure.file(path)
  const head = fileDoc(file)
  const outline = (detail: Detail) => (): string =>
    [...(head === '' ? [] : [head]), ...outlineLines(file, items, detail)].join('\n')
  const dependencyText = (detail: Detail) => (): string =>
    structure
      .dependenciesOf(path)
      .flatMap((dependency) => dependencyLines(structure, dependency, written.has(dependency.path), detail))
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

/** A file that is needed, and what is declared there under the names that are taken from it. */
function dependencyLines(
  structure: SnapshotIndex,
  dependency: FileNames,
  isWritten: boolean,
  detail: Detail,
): string[] {
  const head = isWritten ? importLine(dependency) : `${importLine(dependency)} (not written yet)`
  if (detail === 'names' || !structure.has(dependency.path)) return [head]
  const file = structure.file(dependency.path)
  const names = new Set(dependency.names)
  const declared = file.outline.filter((item) => item.name.split(', ').some((name) => names.has(name)))
  const items = declared.length > 0 ? declared : file.outline.filter((item) => item.exported)
  return [head, ...outlineLines(file, items, detail).map((line) => `  ${line}`)]
}

/** `src/words.ts: splitWords, WordCounter` */
function importLine({ path, names }: FileNames): string {
  const words = names.map((name) => (name === '*' ? 'all of it' : name))
  return names.length === 0 ? path : `${path}: ${cutEnd(joinList(words, maxNames))}`
}

interface OutlineParts {
  items: readonly OutlineItem[]
  before: readonly OutlineItem[]
  after: readonly OutlineItem[]
}

/** The declarations of a part of a file, and those on both sides of it. */
function splitOutline(file: FileRecord, part: { start: number; end: number } | null): OutlineParts {
  if (part === null) return { items: file.outline, before: [], after: [] }
  return {
    items: itemsIn(file.outline, part.start, part.end),
    before: itemsIn(file.outline, 0, part.start),
    after: itemsIn(file.outline, part.end, file.sizeBytes),
  }
}

const cutEnd = (text: string): string => (text.length <= maxLineChars ? text : `${text.slice(0, maxLineChars - 1)}…`)

/** The end of a row of names: what was written last is what the next part follows. */
const cutStart = (text: string): string => (text.length <= maxLineChars ? text : `…${text.slice(1 - maxLineChars)}`)
