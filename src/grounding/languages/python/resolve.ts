import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import { firstByFolder, folderOf, isWithin, nearestAround } from '../paths.js'
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
import { pythonProjects, type PythonProject } from './projects.js'

/** Finds the files of a Python import: one record for each file, since `from a import b, c` may mean several. */
export function pythonResolver({ texts, packageName, skipped }: ResolveContext): Resolver {
  return new PythonFinder(texts, packageName, skipped)
}

/** A module's file, or a folder of modules without `__init__.py`. */
type Found = { file: string } | { namespace: string }

class PythonFinder {
  readonly #packageName: string
  readonly #files: ReadonlySet<string>
  readonly #folders = new Set<string>()
  readonly #packages = new Set<string>()
  readonly #skipped: ReadonlyMap<string, SkippedFile>
  /** Folders from which absolute imports start, the most likely first. */
  readonly #roots: string[]
  /** The roots that need no package in them. */
  readonly #likely: string[]
  /** By a name, the roots with a module or package of that name. */
  readonly #rootsWith = new Map<string, string[]>()
  readonly #projects: ReadonlyMap<string, PythonProject>
  readonly #renaming: readonly PythonProject[]

  constructor(texts: ReadonlyMap<string, string>, packageName: string, skipped: readonly SkippedFile[]) {
    this.#packageName = packageName
    const python = [...texts.keys()].filter((path) => /\.pyi?$/.test(path))
    this.#files = new Set(python)
    this.#skipped = skippedByPath(skipped)
    for (const path of python) {
      if (/(^|\/)__init__\.pyi?$/.test(path)) this.#packages.add(folderOf(path))
      for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder)) this.#folders.add(folder)
    }
    const parents = [...this.#packages].filter((folder) => folder !== '').map((folder) => this.#rootOf(folder))
    const likely = ['', 'src', 'lib', 'python'].filter((root) => root === '' || this.#folders.has(root))
    this.#likely = this.#packages.has('') ? [] : likely
    const projects = pythonProjects(texts)
    this.#projects = firstByFolder(projects)
    this.#renaming = projects.filter((project) => project.renamed.length > 0)
    const ofProjects = projects.flatMap((project) => project.roots)
    // No import starts from a root that is a package: inside `email/`, `import charset` is not `email.charset`.
    const isPackage = this.#packages.has('')
    this.#roots = isPackage
      ? []
      : [...new Set([...likely, ...parents.filter((root) => root.split('/').length <= 2).sort(), ...ofProjects])]
  }

  resolve(from: string, raw: RawImport): ImportRecord[] {
    const start = this.#startOf(from, raw)
    if ('target' in start) return [{ specifier: raw.specifier, names: raw.names, target: start.target }]
    if (!raw.from)
      return [{ specifier: raw.specifier, names: raw.names, target: this.#targetOf(start.found, raw.specifier) }]

    const records: ImportRecord[] = []
    const take = (names: string[], target: Target): void =>
      void records.push({ specifier: raw.specifier, names, target })
    const fromModule: string[] = []
    for (const name of raw.names) {
      const below = name === '*' ? undefined : this.#below(start.found, name)
      if (below !== undefined && 'file' in below) take(['*'], toFile(below.file))
      else if (isOwnPackage(start.found, from) && !/^(__\w+__|\*)$/.test(name))
        take([name], unresolved(`no module ${name} beside it`))
      else fromModule.push(name)
    }
    if (fromModule.length > 0) take(fromModule, this.#targetOf(start.found, raw.specifier))
    return records
  }

  #startOf(from: string, { specifier, names }: RawImport): { found: Found } | { target: Target } {
    const dots = /^\.*/.exec(specifier)?.[0].length ?? 0
    const parts = specifier
      .slice(dots)
      .split('.')
      .filter((part) => part !== '')
    if (dots > 0) return this.#relative(from, dots, parts)
    let namespace: Found | undefined
    const roots = this.#rootsFor(from, parts[0] ?? '')
    for (const root of roots) {
      if (root === '' && this.#packages.has('')) continue
      const found = this.#walk(this.#at(root), parts)
      if (found === undefined) continue
      // Several folders may have parts of one namespace (PEP 420); the import means the part with the names taken.
      if ('file' in found || names.some((name) => this.#below(found, name) !== undefined)) return { found }
      if (root === '' || /^(src|lib|python)$/.test(root)) namespace ??= found
    }
    if (namespace !== undefined) return { found: namespace }
    const renamed = this.#renamed(from, parts)
    if (renamed !== undefined) return { found: renamed }
    const isOwn = this.#packages.has('') && parts[0] === this.#packageName
    const found = isOwn ? this.#walk(this.#at(''), parts.slice(1)) : undefined
    if (found !== undefined) return { found }
    const skipped = this.#skippedModule([...roots, ...this.#likely], parts)
    if (skipped !== undefined) return { target: unresolved(wasSkipped(skipped)) }
    const isHere =
      isOwn || this.#rootsHaving(parts[0] as string).some((root) => this.#packages.has(join(root, parts[0] as string)))
    if (isHere) return { target: unresolved(`no module ${specifier} in the repository`) }
    return { target: toPackage(parts[0] as string) }
  }

  /** The root of the file's own package, then those of its project, then all others with a module of the name. */
  #rootsFor(from: string, first: string): Set<string> {
    const own = nearestAround(this.#projects, folderOf(from))
    const isNested = own !== undefined && own.folder !== ''
    return new Set([this.#rootOf(folderOf(from)), ...(isNested ? own.roots : []), ...this.#rootsHaving(first)])
  }

  #rootsHaving(first: string): string[] {
    const known = this.#rootsWith.get(first)
    if (known !== undefined) return known
    const found = this.#roots.filter((root) => this.#below({ namespace: root }, first) !== undefined)
    this.#rootsWith.set(first, found)
    return found
  }

  /** A skipped file that the import means: the module is not from another project. */
  #skippedModule(roots: readonly string[], parts: readonly string[]): SkippedFile | undefined {
    for (const root of new Set(roots)) {
      const path = join(root, parts.join('/'))
      for (const file of [`${path}.py`, `${path}/__init__.py`, `${join(root, parts[0] ?? '')}.py`]) {
        const skipped = this.#skipped.get(file)
        if (skipped !== undefined) return skipped
      }
    }
    return undefined
  }

  /** A package that its project's manifest puts into a folder of another name. */
  #renamed(from: string, parts: readonly string[]): Found | undefined {
    for (const { folder, renamed } of this.#renaming) {
      if (this.#projects.size > 1 && !isWithin(from, folder)) continue
      for (const [name, target] of renamed) {
        const own = name.split('.')
        if (own.some((part, at) => parts[at] !== part)) continue
        const found = this.#walk(this.#at(target), parts.slice(own.length))
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  #relative(from: string, dots: number, parts: readonly string[]): { found: Found } | { target: Target } {
    let folder = folderOf(from)
    for (let up = 1; up < dots; up++) {
      if (folder === '') return { target: unresolved('it leads out of the repository') }
      folder = folderOf(folder)
    }
    const found = this.#walk(this.#at(folder), parts)
    if (found !== undefined) return { found }
    const path = join(folder, parts.join('/'))
    const skipped = [`${path}.py`, `${path}/__init__.py`, path, folderOf(path)]
      .map((candidate) => this.#skipped.get(candidate))
      .find((file) => file !== undefined)
    return {
      target: unresolved(skipped === undefined ? 'no such module in the repository' : wasSkipped(skipped)),
    }
  }

  /** The folder from which the package of a folder is imported: the parent of its topmost package. */
  #rootOf(folder: string): string {
    let root = folder
    while (root !== '' && this.#packages.has(root)) root = folderOf(root)
    return root
  }

  /** Follows the parts of a module's name. */
  #walk(start: Found, parts: readonly string[]): Found | undefined {
    let found: Found | undefined = start
    for (const part of parts) found = found === undefined ? undefined : this.#below(found, part)
    return found
  }

  #at(folder: string): Found {
    const init = [join(folder, '__init__.py'), join(folder, '__init__.pyi')].find((path) => this.#files.has(path))
    return init === undefined ? { namespace: folder } : { file: init }
  }

  /** The module of a name in a package or namespace. */
  #below(found: Found, name: string): Found | undefined {
    if ('file' in found && !/(^|\/)__init__\.pyi?$/.test(found.file)) return undefined
    const path = join('file' in found ? folderOf(found.file) : found.namespace, name)
    if (this.#packages.has(path)) return this.#at(path)
    const file = [`${path}.py`, `${path}.pyi`].find((candidate) => this.#files.has(candidate))
    if (file !== undefined) return { file }
    return this.#folders.has(path) ? { namespace: path } : undefined
  }

  #targetOf(found: Found, specifier: string): Target {
    if ('file' in found) return toFile(found.file)
    return unresolved(`${specifier} is a folder without __init__.py, and no module in it is named`)
  }
}

/** Whether a package imports from itself: in `__init__.py`, `from . import x` can only mean a module. */
const isOwnPackage = (found: Found, from: string): boolean =>
  'file' in found && found.file === from && /(^|\/)__init__\.pyi?$/.test(from)

const join = (folder: string, name: string): string =>
  folder === '' ? name : name === '' ? folder : `${folder}/${name}`
