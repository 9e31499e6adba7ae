import type { FileRecord, ImportRecord, OutlineItem, RepositorySnapshot } from '../../records/index.js'
import { baseName, isBeside } from './file-names.js'
import { namesOf, realNames } from './item-names.js'
import { localImports, unique } from './outline-facts.js'

/** A name that the package exports to its users, and its kind; `null` if no declaration was found. */
interface Offer {
  name: string
  kind: OutlineItem['kind'] | null
}

/**
 * The public names of a package: what its entry files export, otherwise what the files export that no other file imports,
 * otherwise the names that are imported most. Values are left out if there is anything to call.
 */
export function offeredNames(snapshot: RepositorySnapshot): string[] {
  const product = snapshot.files.filter((file) => file.language !== 'text' && !isBeside(file.path))
  const files = new Map(product.map((file) => [file.path, file]))
  const found = new Map<string, Offer[]>()
  const offers = entriesOf(product, snapshot).flatMap((entry) => offersOf(entry, files, found))
  const names = callableFirst(offers)
  if (names.length > 0) return names
  const imported = new Set(snapshot.dependencies.map(([, to]) => to))
  const ends = callableFirst(
    product.filter((file) => !imported.has(file.path)).flatMap((file) => offersOf(file, files, found)),
  )
  return ends.length >= 3 ? ends : unique([...ends, ...mostImported(product)])
}

function callableFirst(offers: readonly Offer[]): string[] {
  const open = offers.filter(({ name }) => /^[a-z$][\w$]+$/i.test(name) && name !== 'default')
  const values: Offer['kind'][] = ['variable', 'property']
  const calls = open.filter(({ kind }) => kind === null || ['class', 'struct', 'function'].includes(kind))
  const rest = open.filter((offer) => !calls.includes(offer) && !values.includes(offer.kind))
  return unique((calls.length > 0 ? [...calls, ...rest] : open).map(({ name }) => name))
}

/** The entry files of the package: `index`, `__init__`, `main` or the package's own name, nearest to the root. */
function entriesOf(product: readonly FileRecord[], snapshot: RepositorySnapshot): FileRecord[] {
  const own = snapshot.name.replace(/^.*\//, '').toLowerCase()
  const isEntry = ({ path }: FileRecord): boolean =>
    /^(index|__init__|main)\.[\w.]+$/.test(baseName(path)) ||
    baseName(path)
      .replace(/\.\w+$/, '')
      .toLowerCase() === own
  const depthOf = ({ path }: FileRecord): number => path.split('/').length
  const entries = product.filter(isEntry)
  const nearest = Math.min(...entries.map(depthOf))
  return nearest > 4 ? [] : entries.filter((file) => depthOf(file) === nearest)
}

function declaredOffers(file: FileRecord): Offer[] {
  const items = file.outline.filter((item) => item.exported && item.kind !== 'section' && item.kind !== 'export')
  return items.flatMap((item) => namesOf(item).map((name) => ({ name, kind: item.kind })))
}

type Files = ReadonlyMap<string, FileRecord>

/**
 * What `file` exports: its own declarations, and what it re-exports from the files that it imports.
 *
 * @param found the offers of the files visited so far; every visited file is added, which also ends import cycles
 */
function offersOf(file: FileRecord, files: Files, found: Map<string, Offer[]>): Offer[] {
  const before = found.get(file.path)
  if (before !== undefined) return before
  found.set(file.path, declaredOffers(file))
  const reexports = file.language === 'python' ? pythonReexports(file) : scriptReexports(file)
  const passedOn = file.imports.flatMap((record) => {
    const target = record.target.kind === 'file' ? files.get(record.target.path) : undefined
    const wanted = target === undefined ? [] : reexports(record)
    if (target === undefined || wanted.length === 0) return []
    const known = offersOf(target, files, found)
    if (wanted === 'all') return known
    if (wanted === 'single') return known.length === 1 ? known : []
    const kinds = new Map(known.map((offer) => [offer.name, offer.kind]))
    return wanted.map((name) => ({ name, kind: kinds.get(name) ?? null }))
  })
  const offers = new Map([...declaredOffers(file), ...passedOn].map((offer) => [offer.name, offer]))
  found.set(file.path, [...offers.values()])
  return [...offers.values()]
}

/** What a file re-exports of an import: `all` of its target, its `single` declaration if it has one, or these names. */
type ReexportRule = (imported: ImportRecord) => 'all' | 'single' | string[]

/** An `__init__` re-exports the names that it imports, also by a star, but not modules that it imports as a whole. */
function pythonReexports(file: FileRecord): ReexportRule {
  if (!/^__init__\.pyi?$/.test(baseName(file.path))) return () => []
  return (imported) => {
    if (!imported.names.includes('*')) return realNames(imported.names)
    const module = imported.target.kind === 'file' ? baseName(imported.target.path).replace(/\.pyi?$/, '') : ''
    return imported.specifier.split('.').at(-1) === module ? 'all' : []
  }
}

/** A script re-exports what its `export` statements name; with `module.exports` also what it imports as a whole. */
function scriptReexports(file: FileRecord): ReexportRule {
  const exports = file.outline.filter((item) => item.kind === 'export')
  const named = new Set(exports.flatMap(namesOf))
  const stars = exports.filter((item) => item.name === '*').map((item) => item.signature)
  const isCommonJs = named.has('module.exports')
  return (imported) => {
    if (stars.some((signature) => /['"]([^'"]*)['"]/.exec(signature)?.[1] === imported.specifier)) return 'all'
    if (isCommonJs && imported.names.every((name) => name === '*' || name === 'default')) return 'single'
    return realNames(imported.names).filter((name) => isCommonJs || named.has(name))
  }
}

/** Names by how many files import them, the most used first. */
function mostImported(code: readonly FileRecord[]): string[] {
  const counts = new Map<string, number>()
  for (const name of code.flatMap((file) => localImports(file).flatMap((imported) => imported.names))) {
    if (/^[a-z$][\w$]+$/i.test(name) && name !== 'default') counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name)
}
