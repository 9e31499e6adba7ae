import { join, normalize } from 'node:path/posix'
import type { ImportRecord, OutlineItem, SkippedFile } from '../../../records/index.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import { nearestAround } from '../paths.js'
import type { RawImport } from '../raw-import.js'

type Target = ImportRecord['target']

/** Files of a package that stand for the whole of it, where nothing tells which of them an import needs. */
const MAX_PACKAGE_FILES = 8

/** Finds the files of Go packages: of the modules of this repository, by the names that the importing file takes. */
export function goResolver(context: ResolveContext): Resolver {
  return new GoFinder(context)
}

/** What the files of one folder and one package clause declare. */
interface GoPackage {
  files: string[]
  /** File by name; a name declared twice, for two systems, belongs to the first file. */
  declared: Map<string, string>
}

class GoFinder implements Resolver {
  /** The modules of this repository by their paths. */
  private readonly modules = new Map<string, { path: string; folder: string }>()
  /** Modules of others that a `go.mod` asks for. */
  private readonly required = new Map<string, string>()
  private readonly files = new Map<string, string[]>()
  private readonly packages = new Map<string, GoPackage>()
  private readonly skipped: ReadonlyMap<string, SkippedFile>
  /** The first Go file of each folder that was skipped. */
  private readonly skippedIn = new Map<string, SkippedFile>()

  constructor(private readonly context: ResolveContext) {
    const addModule = (module: string, folder: string): void => {
      if (!this.modules.has(module)) this.modules.set(module, { path: module, folder })
    }
    for (const [path, content] of context.texts) {
      if (path.endsWith('.go')) {
        const beside = this.files.get(folderOf(path))
        if (beside === undefined) this.files.set(folderOf(path), [path])
        else beside.push(path)
      }
      if (path !== 'go.mod' && !path.endsWith('/go.mod')) continue
      const file = readGoMod(content)
      const folder = folderOf(path)
      if (file.module !== '') addModule(file.module, folder)
      for (const { from, to } of file.replaced) addModule(from, inside(folder, to))
      for (const one of file.required) this.required.set(one, one)
    }
    if (this.modules.size === 0) {
      for (const module of modulesByImports(context, this.files)) addModule(module, '')
    }
    this.skipped = new Map(context.skipped.map((file) => [file.path, file]))
    for (const file of context.skipped) {
      const folder = folderOf(file.path)
      if (file.path.endsWith('.go') && !this.skippedIn.has(folder)) this.skippedIn.set(folder, file)
    }
  }

  resolve(from: string, { specifier, names }: RawImport): ImportRecord[] {
    const record = (target: Target, taken = names): ImportRecord => ({ specifier, names: taken, target })
    const folder = this.folderOfPackage(from, specifier)
    if (typeof folder !== 'string') return [record(folder)]
    const found = this.packageIn(folder, from)
    if (found === undefined) return [record(this.whyMissing(folder))]
    if (names.includes('*')) {
      const taken = this.filesOf(found, this.context.parsed.get(from)?.references ?? [])
      if (taken.size > 0) return [...taken].map(([path, some]) => record({ kind: 'file', path }, some))
    }
    const byFile = this.filesOf(found, names)
    if (byFile.size > 0) return [...byFile].map(([path, some]) => record({ kind: 'file', path }, some))
    const isKnown = names.length === 0 || found.declared.size === 0 || names.includes('*')
    if (!isKnown) return [record(this.whyMissing(folder, `no file of ${folder || 'the root'} declares what is taken`))]
    return found.files.slice(0, MAX_PACKAGE_FILES).map((path) => record({ kind: 'file', path }))
  }

  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.context.parsed.get(from)?.scope ?? ''
    const own = this.packageOf(folderOf(from), scope, from.endsWith('_test.go'))
    return [...this.filesOf(own, references)]
      .filter(([path]) => path !== from)
      .map(([path, names]) => ({ specifier: scope, names, target: { kind: 'file', path } }))
  }

  private folderOfPackage(from: string, specifier: string): string | Target {
    if (/^\.\.?(\/|$)/.test(specifier)) return inside(folderOf(from), specifier)
    const module = nearestAround(this.modules, specifier)
    const required = nearestAround(this.required, specifier)
    if (module === undefined || (required !== undefined && required.length > module.path.length)) {
      return { kind: 'external', package: required ?? moduleOf(specifier) }
    }
    return join(module.folder, specifier.slice(module.path.length)).replace(/^\.?\/|^\.$|\/$/g, '')
  }

  /** The package that a folder offers to others: not the tests, and of several clauses that of most files. */
  private packageIn(folder: string, from: string): GoPackage | undefined {
    const counts = new Map<string, number>()
    for (const path of this.files.get(folder) ?? []) {
      if (path.endsWith('_test.go')) continue
      const scope = this.context.parsed.get(path)?.scope ?? ''
      counts.set(scope, (counts.get(scope) ?? 0) + (scope === 'main' ? 0 : 1))
    }
    const [best] = [...counts].sort((a, b) => b[1] - a[1])
    if (best === undefined) return undefined
    // Tests in `a_test` may use what the tests in `a` declare.
    const isOwnTest = from.endsWith('_test.go') && folderOf(from) === folder
    return this.packageOf(folder, best[0], isOwnTest)
  }

  private packageOf(folder: string, scope: string, withTests: boolean): GoPackage {
    const key = JSON.stringify([folder, scope, withTests])
    const known = this.packages.get(key)
    if (known !== undefined) return known
    const all = (this.files.get(folder) ?? []).filter((path) => this.context.parsed.get(path)?.scope === scope)
    const sources = all.filter((path) => !path.endsWith('_test.go'))
    const files = withTests ? [...sources, ...all.filter((path) => path.endsWith('_test.go'))] : sources
    const declared = new Map<string, string>()
    for (const path of files) {
      for (const name of (this.context.parsed.get(path)?.outline ?? []).flatMap(namesOf)) {
        if (!declared.has(name)) declared.set(name, path)
      }
    }
    const made = { files: sources, declared }
    this.packages.set(key, made)
    return made
  }

  /** The names that the package declares, by file. */
  private filesOf({ declared }: GoPackage, names: readonly string[]): Map<string, string[]> {
    const byFile = new Map<string, string[]>()
    for (const name of names) {
      const path = declared.get(name)
      if (path !== undefined) byFile.set(path, [...(byFile.get(path) ?? []), name])
    }
    return byFile
  }

  private whyMissing(folder: string, otherwise = 'no such package in the repository'): Target {
    for (let path = folder; path !== ''; path = folderOf(path)) {
      const skipped = this.skipped.get(path)
      if (skipped !== undefined) return unresolved(`${skipped.path} was skipped (${skipped.reason})`)
    }
    const inFolder = this.skippedIn.get(folder)
    if (inFolder !== undefined) return unresolved(`${inFolder.path} was skipped (${inFolder.reason})`)
    return unresolved(otherwise)
  }
}

/** Names at the top of a file; those of a group `const (...)` are its members. */
function namesOf(item: OutlineItem): string[] {
  if (item.kind === 'method' || item.kind === 'section') return []
  const isGroup = item.children.some((child) => !['property', 'method'].includes(child.kind))
  return isGroup ? item.children.flatMap((child) => child.name.split(', ')) : item.name.split(', ')
}

interface GoMod {
  module: string
  required: string[]
  /** Local folders that stand in for a module. */
  replaced: { from: string; to: string }[]
}

/** A `go.mod`, line by line: directives alone or in a block of their name. */
function readGoMod(content: string): GoMod {
  const file: GoMod = { module: '', required: [], replaced: [] }
  let block = ''
  for (const line of content.split('\n')) {
    const words = line.replace(/\/\/.*$/, '').split(/\s+/).filter((word) => word !== '').map(unquoted) // prettier-ignore
    if (words[0] === ')') block = ''
    else if (words[1] === '(') block = words[0] ?? ''
    else if (words.length > 0)
      take(file, block === '' ? (words[0] ?? '') : block, block === '' ? words.slice(1) : words)
  }
  return file
}

function take(file: GoMod, directive: string, [first, ...rest]: readonly string[]): void {
  if (first === undefined) return
  if (directive === 'module') file.module = first
  if (directive === 'require') file.required.push(first)
  const to = rest.at(rest.indexOf('=>') + 1)
  const isLocal = rest.includes('=>') && to !== undefined && /^\.\.?(\/|$)/.test(to)
  if (directive === 'replace' && isLocal) file.replaced.push({ from: first, to })
}

const unquoted = (word: string): string => word.replace(/^["`]|["`]$/g, '')

/** Where no `go.mod` is: a path of a known host names the repository, if what follows is one of its folders. */
function modulesByImports(context: ResolveContext, files: ReadonlyMap<string, string[]>): string[] {
  const hits = new Map<string, Set<string>>()
  const misses = new Set<string>()
  for (const path of [...files.values()].flat()) {
    for (const { specifier } of context.parsed.get(path)?.imports ?? []) {
      const [, module, below] =
        /^((?:github\.com|gitlab\.com|bitbucket\.org|golang\.org|gopkg\.in)\/[^/]+(?:\/[^/]+)?)\/?(.*)$/.exec(
          specifier,
        ) ?? []
      if (module === undefined || below === undefined) continue
      if (!files.has(below)) misses.add(module)
      else if (below !== '' || isCalled(module, context.packageName)) {
        hits.set(module, (hits.get(module) ?? new Set()).add(below))
      }
    }
  }
  return [...hits.keys()].filter((path) => !misses.has(path))
}

const isCalled = (module: string, name: string): boolean => {
  const last = module.split('/').at(-1) ?? ''
  return name === last || name.endsWith(`-${last}`)
}

/** The module of a path that no `go.mod` names: as many parts as its host gives to a repository. */
function moduleOf(specifier: string): string {
  const parts = specifier.split('/')
  const host = parts[0] ?? ''
  if (!host.includes('.')) return specifier
  const isDeep = /^(github\.com|gitlab\.com|bitbucket\.org|golang\.org|google\.golang\.org)$/.test(host)
  const count =
    host === 'google.golang.org' ? 2 : isDeep ? 3 : host === 'gopkg.in' && /\.v\d+$/.test(parts[1] ?? '') ? 2 : 3
  const module = parts.slice(0, count)
  return [...module, ...(/^v\d+$/.test(parts[count] ?? '') ? [parts[count]] : [])].join('/')
}

/** A path from a folder; above the root there is nothing, which no folder is called like. */
const inside = (folder: string, path: string): string => {
  const joined = normalize(join(folder === '' ? '.' : folder, path)).replace(/\/$/, '')
  return joined === '.' ? '' : joined
}

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })
