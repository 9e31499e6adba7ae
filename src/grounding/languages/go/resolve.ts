import { join, normalize } from 'node:path/posix'
import type { ImportRecord, OutlineItem, SkippedFile } from '../../../records/index.js'
import { addTo } from '../lists.js'
import { folderOf, nearestAround } from '../paths.js'
import type { RawImport } from '../raw-import.js'
import {
  skippedByPath,
  toFile,
  toPackage,
  unresolved,
  wasSkipped,
  type ResolveContext,
  type Resolver,
  type Target,
} from '../resolver.js'
import { moduleOf, readGoMod } from './go-mod.js'

/** The most files of a package that an import leads to, where nothing shows which of them it needs. */
const maxPackageFiles = 8

/** Finds the files of Go packages in the modules of this repository, by the names that the importing file takes. */
export function goResolver(context: ResolveContext): Resolver {
  return new GoFinder(context)
}

/** The files of one folder with one package clause, and their declarations. */
interface GoPackage {
  files: string[]
  /** The file of each name; a name that two files declare, for two systems, belongs to the first file. */
  declared: Map<string, string>
}

class GoFinder implements Resolver {
  readonly #context: ResolveContext
  /** The modules of this repository by their paths. */
  readonly #modules = new Map<string, { path: string; folder: string }>()
  /** Modules that a `go.mod` requires, each by its own path. */
  readonly #required = new Map<string, string>()
  /** The Go files of each folder. */
  readonly #files = new Map<string, string[]>()
  readonly #packages = new Map<string, GoPackage>()
  readonly #skipped: ReadonlyMap<string, SkippedFile>
  /** The first skipped Go file of each folder. */
  readonly #skippedIn = new Map<string, SkippedFile>()

  constructor(context: ResolveContext) {
    this.#context = context
    const addModule = (module: string, folder: string): void => {
      if (!this.#modules.has(module)) this.#modules.set(module, { path: module, folder })
    }
    for (const [path, content] of context.texts) {
      if (path.endsWith('.go')) addTo(this.#files, folderOf(path), path)
      if (path !== 'go.mod' && !path.endsWith('/go.mod')) continue
      const file = readGoMod(content)
      const folder = folderOf(path)
      if (file.module !== '') addModule(file.module, folder)
      for (const { from, to } of file.replaced) addModule(from, inside(folder, to))
      for (const module of file.required) this.#required.set(module, module)
    }
    if (this.#modules.size === 0) {
      for (const module of modulesByImports(context, this.#files)) addModule(module, '')
    }
    this.#skipped = skippedByPath(context.skipped)
    for (const file of context.skipped) {
      const folder = folderOf(file.path)
      if (file.path.endsWith('.go') && !this.#skippedIn.has(folder)) this.#skippedIn.set(folder, file)
    }
  }

  resolve(from: string, { specifier, names }: RawImport): ImportRecord[] {
    const record = (target: Target, taken = names): ImportRecord => ({ specifier, names: taken, target })
    const folder = this.#folderOfPackage(from, specifier)
    if (typeof folder !== 'string') return [record(folder)]
    const found = this.#packageIn(folder, from)
    if (found === undefined) return [record(this.#whyMissing(folder))]
    if (names.includes('*')) {
      const taken = this.#filesOf(found, this.#context.parsed.get(from)?.references ?? [])
      if (taken.size > 0) return [...taken].map(([path, declared]) => record(toFile(path), declared))
    }
    const byFile = this.#filesOf(found, names)
    if (byFile.size > 0) return [...byFile].map(([path, declared]) => record(toFile(path), declared))
    const isKnown = names.length === 0 || found.declared.size === 0 || names.includes('*')
    if (!isKnown) return [record(this.#whyMissing(folder, `no file of ${folder || 'the root'} declares what is taken`))]
    return found.files.slice(0, maxPackageFiles).map((path) => record(toFile(path)))
  }

  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.#context.parsed.get(from)?.scope ?? ''
    const own = this.#packageOf(folderOf(from), scope, from.endsWith('_test.go'))
    return [...this.#filesOf(own, references)]
      .filter(([path]) => path !== from)
      .map(([path, names]) => ({ specifier: scope, names, target: toFile(path) }))
  }

  #folderOfPackage(from: string, specifier: string): string | Target {
    if (/^\.\.?(\/|$)/.test(specifier)) return inside(folderOf(from), specifier)
    const module = nearestAround(this.#modules, specifier)
    const required = nearestAround(this.#required, specifier)
    if (module === undefined || (required !== undefined && required.length > module.path.length)) {
      return toPackage(required ?? moduleOf(specifier))
    }
    return join(module.folder, specifier.slice(module.path.length)).replace(/^\.?\/|^\.$|\/$/g, '')
  }

  /** The package that a folder offers to other folders: not its tests; of several package clauses, the most frequent. */
  #packageIn(folder: string, from: string): GoPackage | undefined {
    const counts = new Map<string, number>()
    for (const path of this.#files.get(folder) ?? []) {
      if (path.endsWith('_test.go')) continue
      const scope = this.#context.parsed.get(path)?.scope ?? ''
      counts.set(scope, (counts.get(scope) ?? 0) + (scope === 'main' ? 0 : 1))
    }
    const [best] = [...counts].sort((a, b) => b[1] - a[1])
    if (best === undefined) return undefined
    // Tests in `a_test` may use the declarations of the tests in `a`.
    const isOwnTest = from.endsWith('_test.go') && folderOf(from) === folder
    return this.#packageOf(folder, best[0], isOwnTest)
  }

  /** The package with this clause in a folder; its tests only add declarations. */
  #packageOf(folder: string, scope: string, withTests: boolean): GoPackage {
    const key = JSON.stringify([folder, scope, withTests])
    const known = this.#packages.get(key)
    if (known !== undefined) return known
    const all = (this.#files.get(folder) ?? []).filter((path) => this.#context.parsed.get(path)?.scope === scope)
    const sources = all.filter((path) => !path.endsWith('_test.go'))
    const files = withTests ? [...sources, ...all.filter((path) => path.endsWith('_test.go'))] : sources
    const declared = new Map<string, string>()
    for (const path of files) {
      for (const name of (this.#context.parsed.get(path)?.outline ?? []).flatMap(namesOf)) {
        if (!declared.has(name)) declared.set(name, path)
      }
    }
    const made = { files: sources, declared }
    this.#packages.set(key, made)
    return made
  }

  /** Those of the names that the package declares, by file. */
  #filesOf({ declared }: GoPackage, names: readonly string[]): Map<string, string[]> {
    const byFile = new Map<string, string[]>()
    for (const name of names) {
      const path = declared.get(name)
      if (path !== undefined) addTo(byFile, path, name)
    }
    return byFile
  }

  #whyMissing(folder: string, otherwise = 'no such package in the repository'): Target {
    const skipped = nearestAround(this.#skipped, folder) ?? this.#skippedIn.get(folder)
    if (skipped !== undefined) return unresolved(wasSkipped(skipped))
    return unresolved(otherwise)
  }
}

/** The names that a top-level item declares; a group `const (...)` declares those of its members. */
function namesOf(item: OutlineItem): string[] {
  if (item.kind === 'method' || item.kind === 'section') return []
  const isGroup = item.children.some((child) => !['property', 'method'].includes(child.kind))
  return isGroup ? item.children.flatMap((child) => child.name.split(', ')) : item.name.split(', ')
}

/** A path relative to a folder; one above the root begins with `..`, as no folder does. */
const inside = (folder: string, path: string): string => {
  const joined = normalize(join(folder === '' ? '.' : folder, path)).replace(/\/$/, '')
  return joined === '.' ? '' : joined
}

/** Modules where no `go.mod` is: a path of a known host names this repository if the rest of it is one of its folders. */
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

/** Whether a module's path ends in the name of the repository. */
const isCalled = (module: string, name: string): boolean => {
  const last = module.split('/').at(-1) ?? ''
  return name === last || name.endsWith(`-${last}`)
}
