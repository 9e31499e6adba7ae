import type { FileRecord, OutlineItem, RepositorySnapshot } from '../../records/index.js'
import type { FileRequest, ReadChoiceRequest, ThoughtRequest } from '../generator.js'
import { externalPackages, itemsIn } from '../narrator/outline-facts.js'
import { listed } from '../narrator/prose.js'
import type { Facts, Shrinkable } from './fit-facts.js'
import { details, docOf, nameList, namesAround, outlineLines, type Detail } from './outline-text.js'
import { structureOf, type Structure, type Taken } from './structure.js'

const maxPurposeChars = 300
const maxLineChars = 300
const maxNames = 8
const maxUsers = 12

/** What the repository is called and says of itself. */
export function aboutFacts({ name, about }: RepositorySnapshot): Record<'name' | 'summary', string> {
  return { name: short(name), summary: about.summary }
}

/** What a file agent knows before it decides what to read. */
export function readChoiceFacts(request: ReadChoiceRequest): Facts {
  const { snapshot, path, candidates, maxReads } = request
  const { items } = partOf(structureOf(snapshot).file(path), null)
  return {
    ...fileFacts(request, items),
    candidates: { share: 0.2, tellings: [() => candidates.map(takenLine).join('\n')] },
    count: String(maxReads),
  }
}

/** The names that the step declares. */
export function declaredNames({ snapshot, path, leadsTo }: ThoughtRequest): string[] {
  const file = structureOf(snapshot).file(path)
  return partOf(file, leadsTo.kind === 'code' ? leadsTo : null).items.flatMap(({ name }) => name.split(', '))
}

/** What is known of the step to come; `code`, where the step shows it, has a place in some prompts and in others none. */
export function stepFacts(request: ThoughtRequest): Facts {
  const { snapshot, path, read, leadsTo } = request
  const structure = structureOf(snapshot)
  const file = structure.file(path)
  // What is mended may lie inside of one body, where nothing is declared: it is seen against the whole file.
  const { items, before, after } = partOf(file, leadsTo.kind === 'code' ? leadsTo : null)
  const users = structure.users(path)
  return {
    ...fileFacts(request, items),
    read: short(read.join(', ')),
    before: tail(nameList(file, before)),
    after: short(nameList(file, after)),
    packages: short(listed(externalPackages(file))),
    users: { share: 0.1, tellings: [() => users.slice(0, maxUsers).map(takenLine).join('\n')] },
    ...leadFacts(request, structure),
  }
}

function leadFacts({ path, leadsTo }: ThoughtRequest, structure: Structure): Facts {
  if (leadsTo.kind === 'read') {
    const names = new Map(structure.dependencies(path).map((one) => [one.path, one.names]))
    const taken = leadsTo.paths.map((one) => ({ path: one, names: names.get(one) ?? [] }))
    return { reads: { share: 0.2, tellings: [() => taken.map(takenLine).join('\n')] } }
  }
  const { kind, start, end } = leadsTo
  // A part of a file begins where a declaration does: the bytes on both sides say what it lies in.
  const [first, last] = kind === 'fix' ? [start, end] : [start - 1, start + 1]
  const within = namesAround(structure.file(path), first, last)
  const shown = (text: string): Shrinkable => ({ share: 0.5, tellings: [() => text] })
  return {
    within,
    ...(leadsTo.kind === 'fix' ? { check: shown(leadsTo.check) } : {}),
    ...(leadsTo.code === null ? {} : { code: shown(leadsTo.code) }),
  }
}

function fileFacts({ snapshot, path, purpose, written }: FileRequest, items: readonly OutlineItem[]): Facts {
  const structure = structureOf(snapshot)
  const file = structure.file(path)
  const head = docOf(file)
  const outline = (detail: Detail) => (): string =>
    [...(head === '' ? [] : [head]), ...outlineLines(file, items, detail)].join('\n')
  const needed = (detail: Detail) => (): string =>
    structure
      .dependencies(path)
      .flatMap((one) => dependencyLines(structure, one, written.has(one.path), detail))
      .join('\n')
  return {
    ...aboutFacts(snapshot),
    path,
    language: file.language,
    lines: String(file.lines),
    purpose: purpose.slice(0, maxPurposeChars),
    outline: { share: 0.4, tellings: details.map(outline) },
    dependencies: { share: 0.4, tellings: details.map(needed) },
  }
}

/** A file that is needed, and what is declared there under the names that are taken from it. */
function dependencyLines(structure: Structure, taken: Taken, isWritten: boolean, detail: Detail): string[] {
  const head = isWritten ? takenLine(taken) : `${takenLine(taken)} (not written yet)`
  if (detail === 'names' || !structure.has(taken.path)) return [head]
  const file = structure.file(taken.path)
  const names = new Set(taken.names)
  const named = file.outline.filter((item) => item.name.split(', ').some((name) => names.has(name)))
  const items = named.length > 0 ? named : file.outline.filter((item) => item.exported)
  return [head, ...outlineLines(file, items, detail).map((line) => `  ${line}`)]
}

/** `src/words.ts: splitWords, WordCounter` */
function takenLine({ path, names }: Taken): string {
  const told = names.map((name) => (name === '*' ? 'all of it' : name))
  return names.length === 0 ? path : `${path}: ${short(listed(told, maxNames))}`
}

interface Part {
  items: readonly OutlineItem[]
  before: readonly OutlineItem[]
  after: readonly OutlineItem[]
}

/** The declarations of a part of a file, and those on both sides of it. */
function partOf(file: FileRecord, part: { start: number; end: number } | null): Part {
  if (part === null) return { items: file.outline, before: [], after: [] }
  return {
    items: itemsIn(file.outline, part.start, part.end),
    before: itemsIn(file.outline, 0, part.start),
    after: itemsIn(file.outline, part.end, file.sizeBytes),
  }
}

const short = (text: string): string => (text.length <= maxLineChars ? text : `${text.slice(0, maxLineChars - 1)}…`)

/** The end of a row of names: what was written last is what the next part follows. */
const tail = (text: string): string => (text.length <= maxLineChars ? text : `…${text.slice(1 - maxLineChars)}`)
