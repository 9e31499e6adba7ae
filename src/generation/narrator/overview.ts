import type { FileRecord, OutlineItem, RepositorySnapshot } from '../../records/index.js'
import { checksOf } from './declaration-facts.js'
import { docClause, firstSentence, lowerFirst } from './doc-clauses.js'
import { fileNames, isNamedForItsPurpose, isProse, textPurpose } from './file-names.js'
import { fileOf } from './find-file.js'
import { isDefaultExport, namesOf } from './item-names.js'
import { offeredNames } from './offers.js'
import { externalPackages, localImports, unique } from './outline-facts.js'
import { ownNamesOf, projectName } from './project-name.js'
import { countPhrase, joinList, joinNames, toSentence } from './prose.js'
import { isStandardLibrary } from './standard-library.js'

/** How languages are called in prose, where that is more than the id with a capital. */
const languageNames: Readonly<Record<string, string>> = {
  typescript: 'TypeScript',
  tsx: 'TypeScript with JSX',
  javascript: 'JavaScript',
  cpp: 'C++',
  csharp: 'C#',
  php: 'PHP',
}

const languageName = ({ language }: FileRecord): string =>
  languageNames[language] ?? language.charAt(0).toUpperCase() + language.slice(1)

const mainKinds: ReadonlySet<OutlineItem['kind']> = new Set(['class', 'struct', 'interface', 'trait', 'function'])

const isCode = (file: FileRecord): boolean => file.language !== 'text'

/** The requirements, in the words of somebody who asks for the project. */
export function writeRequirements(snapshot: RepositorySnapshot): string {
  const code = snapshot.files.filter(isCode)
  const paragraphs = [
    [toSentence(`build ${projectName(snapshot)}${languagesOf(code)}`), aboutOf(snapshot)],
    [offersOf(snapshot), needsOf(code)],
    [partsOf(code)],
  ]
  return paragraphs
    .map((sentences) => sentences.filter((text) => text !== '').join(' '))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n')
}

/** The order of work and why. */
export function writeApproach(snapshot: RepositorySnapshot): string {
  return [codeOrder(snapshot), textOrder(snapshot), circleOrder(snapshot)].filter((text) => text !== '').join(' ')
}

function codeOrder(snapshot: RepositorySnapshot): string {
  const code = snapshot.files.filter(isCode).length
  if (code === 0) return toSentence('there is no code to write, only texts')
  if (code === 1) return toSentence('I write the one source file')
  const why = 'each one after the files that it imports, so that I can read what I build on'
  return toSentence(`I write ${countPhrase(code, 'source file')}, ${why}`)
}

/** Where the texts stand in the order: the settings of the project before the code, the rest after it. */
function textOrder(snapshot: RepositorySnapshot): string {
  const byPath = new Map(snapshot.files.map((file) => [file.path, file]))
  const inOrder = snapshot.order.flatMap((path) => byPath.get(path) ?? [])
  const texts = inOrder.filter((file) => !isCode(file))
  const firstCode = inOrder.findIndex(isCode)
  if (texts.length === 0 || firstCode < 0) return ''
  const rest = inOrder.slice(firstCode).filter((file) => !isCode(file))
  const restWord = rest.some((file) => isProse(file.path)) ? 'documents' : 'other texts'
  const count = countPhrase(texts.length, 'file')
  if (rest.length === 0) return toSentence(`the project's own settings come first, ${count} in all`)
  if (firstCode === 0) return toSentence(`its ${restWord} come last, ${count} in all`)
  return toSentence(`the project's own settings come first and its ${restWord} last, ${count} in all`)
}

function circleOrder(snapshot: RepositorySnapshot): string {
  const cycles = snapshot.components.filter((component) => component.length > 1)
  const largest = cycles.sort((a, b) => b.length - a.length)[0]
  if (largest === undefined) return ''
  const circle = joinList(fileNames(largest), 3)
  const start = 'there I begin with the one that leans least on the rest'
  return toSentence(`the files around ${circle} need each other; ${start}`)
}

/** The purpose of a file, in one line for the plan. */
export function writePurpose(snapshot: RepositorySnapshot, path: string): string {
  const file = fileOf(snapshot, path)
  if (isNamedForItsPurpose(path)) return textPurpose(path)
  const doc = docClause(file.doc, 64, ownNamesOf(snapshot))
  if (doc !== '') return doc
  if (file.sizeBytes === 0) return 'stays empty'
  const checks = checksOf(file, file.outline)
  if (checks !== '') return checks
  const names = mainNames(file.outline)
  if (names.length > 0) return joinList(names, 3)
  const passedOn = localImports(file).map((imported) => imported.path)
  if (passedOn.length > 0) return `brings together ${joinList(fileNames(passedOn, path), 3)}`
  return isCode(file) ? `${countPhrase(file.lines, 'line')} of ${languageName(file)}` : textPurpose(path)
}

/** Names of declarations: exported ones first, and among them those of main kinds (`mainKinds`) first. */
function mainNames(outline: readonly OutlineItem[]): string[] {
  const items = outline.filter((item) => item.kind !== 'section' && item.kind !== 'export')
  const rankOf = (item: OutlineItem): number => (item.exported ? 0 : 2) + (mainKinds.has(item.kind) ? 0 : 1)
  const nameWords = (item: OutlineItem): string[] =>
    isDefaultExport(item)
      ? ['a default export']
      : namesOf(item).map((name) => (name === 'module.exports' ? `the ${item.kind} that it exports` : name))
  return unique([...items].sort((a, b) => rankOf(a) - rankOf(b)).flatMap(nameWords))
}

function languagesOf(code: readonly FileRecord[]): string {
  const counts = new Map<string, number>()
  for (const file of code) counts.set(languageName(file), (counts.get(languageName(file)) ?? 0) + 1)
  const names = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name)
  return names.length > 0 ? ` in ${joinList(names)}` : ''
}

function aboutOf(snapshot: RepositorySnapshot): string {
  const summary = firstSentence(snapshot.about.summary, 200)
  return summary === '' ? '' : toSentence(`in short: ${lowerFirst(summary, ownNamesOf(snapshot))}`)
}

function offersOf(snapshot: RepositorySnapshot): string {
  const names = offeredNames(snapshot)
  return names.length === 0 ? '' : toSentence(`its users should find ${joinNames(names.slice(0, 12), 8)}`)
}

/** Packages by how many files import them; those of the standard library last. */
function needsOf(code: readonly FileRecord[]): string {
  const counts = new Map<string, { files: number; isStandard: boolean }>()
  for (const file of code) {
    for (const name of externalPackages(file)) {
      if (name.startsWith('_')) continue
      const files = (counts.get(name)?.files ?? 0) + 1
      counts.set(name, { files, isStandard: isStandardLibrary(name, file) })
    }
  }
  const packages = [...counts]
    .sort(
      ([a, useOfA], [b, useOfB]) =>
        Number(useOfA.isStandard) - Number(useOfB.isStandard) || useOfB.files - useOfA.files || (a < b ? -1 : 1),
    )
    .map(([name]) => name)
  return packages.length === 0
    ? toSentence('it needs nothing from outside')
    : toSentence(`it may use ${joinList(packages, 6)}`)
}

/** The folders with code, most files first; the subfolders of such a folder count as part of it. */
function partsOf(code: readonly FileRecord[]): string {
  const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0))
  const folders = unique(code.map((file) => folderOf(file.path))).sort()
  const counts = new Map<string, number>()
  for (const { path } of code) {
    const part = folders.find((folder) => folder !== '' && path.startsWith(`${folder}/`)) ?? ''
    counts.set(part, (counts.get(part) ?? 0) + 1)
  }
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([folder]) => (folder === '' ? 'the root folder' : folder))
  return parts.length < 2 ? '' : toSentence(`the code lies in ${joinList(parts, 5)}`)
}
