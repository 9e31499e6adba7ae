import type { FileRecord, OutlineItem, RepositorySnapshot } from '../../records/index.js'
import { externalPackages, localImports, unique } from './outline-facts.js'
import { fileOf } from './find-file.js'
import { baseName, counted, firstSentence, listed, lowerFirst, named, sentence } from './prose.js'

const languageNames: Record<FileRecord['language'], string> = {
  typescript: 'TypeScript',
  tsx: 'TypeScript with JSX',
  javascript: 'JavaScript',
  python: 'Python',
  text: 'text',
}

/** What the project is to be, as somebody who wants it would ask for it. */
export function tellRequirements(snapshot: RepositorySnapshot): string {
  const code = snapshot.files.filter((file) => file.language !== 'text')
  const { title } = snapshot.about
  // A README's title is often a sentence; then the package's name says more.
  const name = title !== '' && title.length <= 30 ? title : snapshot.name
  const paragraphs = [
    [sentence(`build ${name}${languagesOf(code)}`), aboutOf(snapshot)],
    [offersOf(snapshot, code), needsOf(code)],
    [partsOf(code)],
  ]
  return paragraphs
    .map((sentences) => sentences.filter((one) => one !== '').join(' '))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n')
}

/** The order of work and why. */
export function tellApproach(snapshot: RepositorySnapshot): string {
  const code = snapshot.files.filter((file) => file.language !== 'text').length
  const texts = snapshot.files.length - code
  const cycles = snapshot.components.filter((component) => component.length > 1)
  const sentences = [
    sentence(
      `I write ${counted(code, 'source file')}, each one after the files that it imports, so that I can read what I build on`,
    ),
  ]
  if (texts > 0)
    sentences.push(
      sentence(`the project's own settings come first and its documents last, ${counted(texts, 'file')} in all`),
    )
  const largest = [...cycles].sort((a, b) => b.length - a.length)[0]
  if (largest !== undefined) {
    const circle = listed(largest.map(baseName), 3)
    const start = 'there I begin with the one that leans least on the rest'
    sentences.push(sentence(`the files around ${circle} need each other; ${start}`))
  }
  return sentences.join(' ')
}

/** One line for the plan: what a file is for. */
export function tellPurpose(snapshot: RepositorySnapshot, path: string): string {
  const file = fileOf(snapshot, path)
  const doc = firstSentence(file.doc, 64)
  if (doc !== '') return lowerFirst(doc)
  if (file.sizeBytes === 0) return 'stays empty'
  const names = unique(
    file.outline.filter((item) => item.kind !== 'section' && item.kind !== 'export').map((item) => item.name),
  )
  if (names.length > 0) return listed(names, 3)
  const passedOn = localImports(file)
  if (passedOn.length > 0)
    return `brings together ${listed(
      passedOn.map((one) => baseName(one.path)),
      3,
    )}`
  return file.language === 'text'
    ? textPurpose(path)
    : `${counted(file.lines, 'line')} of ${languageNames[file.language]}`
}

function textPurpose(path: string): string {
  const name = baseName(path).toLowerCase()
  if (/^licen[cs]e|^copying/.test(name)) return 'the licence'
  if (name.startsWith('readme')) return 'what the project is and how to use it'
  if (name.startsWith('change') || name.startsWith('history')) return 'what changed from version to version'
  if (/\.(md|rst|txt)$/.test(name)) return 'notes for readers'
  if (/^\.|ignore$/.test(name) || /\.(json|toml|cfg|ini|ya?ml)$/.test(name)) return 'settings'
  return 'a text that the project needs'
}

function languagesOf(code: readonly FileRecord[]): string {
  const counts = new Map<string, number>()
  for (const file of code) counts.set(languageNames[file.language], (counts.get(languageNames[file.language]) ?? 0) + 1)
  const names = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name)
  return names.length > 0 ? ` in ${listed(names)}` : ''
}

function aboutOf(snapshot: RepositorySnapshot): string {
  const summary = firstSentence(snapshot.about.summary, 200)
  return summary === '' ? '' : sentence(`in short: ${lowerFirst(summary)}`)
}

/** Names that the rest of the world meets: what the files export that no other file imports, else the most used names. */
function offersOf(snapshot: RepositorySnapshot, code: readonly FileRecord[]): string {
  const imported = new Set(snapshot.dependencies.map(([, to]) => to))
  const product = code.filter(
    (file) => !/(^|\/)(tests?|__tests__|spec|bench\w*)\/|[._-](test|spec|bench)\./.test(file.path),
  )
  const entries = product.filter((file) => !imported.has(file.path))
  const declared = entries.flatMap((file) =>
    file.outline.filter((item) => item.exported && isDeclaration(item)).map((item) => item.name),
  )
  const names = unique(declared.length >= 3 ? declared : [...declared, ...mostImported(product)])
  return names.length === 0 ? '' : sentence(`its users should find ${named(names.slice(0, 12), 8)}`)
}

function isDeclaration(item: OutlineItem): boolean {
  return item.kind !== 'section' && item.kind !== 'export' && /^[\w$]{2,}$/.test(item.name)
}

/** Names by how many files import them, the most used first. */
function mostImported(code: readonly FileRecord[]): string[] {
  const counts = new Map<string, number>()
  for (const name of code.flatMap((file) => localImports(file).flatMap((one) => one.names))) {
    if (/^[\w$]{2,}$/.test(name) && name !== 'default') counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name)
}

function needsOf(code: readonly FileRecord[]): string {
  const packages = unique(code.flatMap(externalPackages)).sort()
  return packages.length === 0
    ? sentence('it needs nothing from outside')
    : sentence(`it may use ${listed(packages, 6)}`)
}

function partsOf(code: readonly FileRecord[]): string {
  const folders = new Map<string, number>()
  for (const file of code) {
    const slash = file.path.lastIndexOf('/')
    const folder = slash < 0 ? '' : file.path.slice(0, slash)
    folders.set(folder, (folders.get(folder) ?? 0) + 1)
  }
  const parts = [...folders].filter(([folder]) => folder !== '').sort((a, b) => b[1] - a[1])
  if (parts.length < 2) return ''
  return sentence(
    `the code lies in ${listed(
      parts.map(([folder]) => folder),
      5,
    )}`,
  )
}
