import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import { firstByFolder, nearestAround } from '../paths.js'
import { pythonProjects, type PythonProject } from './projects.js'
import type { RawImport } from '../raw-import.js'

type Target = ImportRecord['target']

/** Finds the files that a Python import means: one record per file, since `from a import b, c` may mean several. */
export function pythonResolver({ texts, packageName, skipped }: ResolveContext): Resolver {
  return new PythonFinder(texts, packageName, skipped)
}

/** A module's file, or a folder without `__init__.py` that holds modules. */
type Found = { file: string } | { namespace: string }

class PythonFinder {
  private readonly files: ReadonlySet<string>
  private readonly folders = new Set<string>()
  private readonly packages = new Set<string>()
  private readonly skipped: ReadonlyMap<string, SkippedFile>
  /** Folders from which absolute imports start, the most likely first. */
  private readonly roots: string[]
  /** Those of them that need no package to be roots. */
  private readonly likely: string[]
  /** Those of the roots that have a module or package of a name. */
  private readonly rootsWith = new Map<string, string[]>()
  private readonly projects: ReadonlyMap<string, PythonProject>
  private readonly renaming: readonly PythonProject[]

  constructor(
    texts: ReadonlyMap<string, string>,
    private readonly packageName: string,
    skipped: readonly SkippedFile[],
  ) {
    const python = [...texts.keys()].filter((path) => /\.pyi?$/.test(path))
    this.files = new Set(python)
    this.skipped = new Map(skipped.map((file) => [file.path, file]))
    for (const path of python) {
      if (/(^|\/)__init__\.pyi?$/.test(path)) this.packages.add(folderOf(path))
      for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder)) this.folders.add(folder)
    }
    const parents = [...this.packages].filter((folder) => folder !== '').map((folder) => this.rootOf(folder))
    const likely = ['', 'src', 'lib', 'python'].filter((root) => root === '' || this.folders.has(root))
    this.likely = this.packages.has('') ? [] : likely
    const projects = pythonProjects(texts)
    this.projects = firstByFolder(projects)
    this.renaming = projects.filter((project) => project.renamed.length > 0)
    const ofProjects = projects.flatMap((project) => project.roots)
    // A root that is a package is no place to import from: inside `email/`, `import charset` is not `email.charset`.
    const isPackage = this.packages.has('')
    this.roots = isPackage
      ? []
      : [...new Set([...likely, ...parents.filter((root) => root.split('/').length <= 2).sort(), ...ofProjects])]
  }

  resolve(from: string, raw: RawImport): ImportRecord[] {
    const start = this.startOf(from, raw)
    if ('target' in start) return [{ specifier: raw.specifier, names: raw.names, target: start.target }]
    if (!raw.from)
      return [{ specifier: raw.specifier, names: raw.names, target: this.targetOf(start.found, raw.specifier) }]

    const records: ImportRecord[] = []
    const take = (names: string[], target: Target): void =>
      void records.push({ specifier: raw.specifier, names, target })
    const fromModule: string[] = []
    for (const name of raw.names) {
      const below = name === '*' ? undefined : this.below(start.found, name)
      if (below !== undefined && 'file' in below) take(['*'], { kind: 'file', path: below.file })
      else if (isOwnPackage(start.found, from) && !/^(__\w+__|\*)$/.test(name))
        take([name], unresolved(`no module ${name} beside it`))
      else fromModule.push(name)
    }
    if (fromModule.length > 0) take(fromModule, this.targetOf(start.found, raw.specifier))
    return records
  }

  private startOf(from: string, { specifier, names }: RawImport): { found: Found } | { target: Target } {
    const dots = /^\.*/.exec(specifier)?.[0].length ?? 0
    const parts = specifier
      .slice(dots)
      .split('.')
      .filter((part) => part !== '')
    if (dots > 0) return this.relative(from, dots, parts)
    let namespace: Found | undefined
    const roots = this.rootsFor(from, parts[0] ?? '')
    for (const root of roots) {
      if (root === '' && this.packages.has('')) continue
      const found = this.walk(this.at(root), parts)
      if (found === undefined) continue
      // Several folders may hold parts of one namespace (PEP 420); the one that has what is taken is meant.
      if ('file' in found || names.some((name) => this.below(found, name) !== undefined)) return { found }
      if (root === '' || /^(src|lib|python)$/.test(root)) namespace ??= found
    }
    if (namespace !== undefined) return { found: namespace }
    const renamed = this.renamed(from, parts)
    if (renamed !== undefined) return { found: renamed }
    const isOwn = this.packages.has('') && parts[0] === this.packageName
    const found = isOwn ? this.walk(this.at(''), parts.slice(1)) : undefined
    if (found !== undefined) return { found }
    const skipped = this.skippedModule([...roots, ...this.likely], parts)
    if (skipped !== undefined) return { target: unresolved(skipped) }
    const isHere =
      isOwn || this.rootsHaving(parts[0] as string).some((root) => this.packages.has(join(root, parts[0] as string)))
    if (isHere) return { target: unresolved(`no module ${specifier} in the repository`) }
    return { target: { kind: 'external', package: parts[0] as string } }
  }

  /** Where the file's own package starts, then its project, then all others that have the name. */
  private rootsFor(from: string, first: string): Set<string> {
    const own = nearestAround(this.projects, folderOf(from))
    const isNested = own !== undefined && own.folder !== ''
    return new Set([this.rootOf(folderOf(from)), ...(isNested ? own.roots : []), ...this.rootsHaving(first)])
  }

  private rootsHaving(first: string): string[] {
    const known = this.rootsWith.get(first)
    if (known !== undefined) return known
    const found = this.roots.filter((root) => this.below({ namespace: root }, first) !== undefined)
    this.rootsWith.set(first, found)
    return found
  }

  /** A module that is in the repository, but was too long or held a secret: it is nobody else's. */
  private skippedModule(roots: readonly string[], parts: readonly string[]): string | undefined {
    for (const root of new Set(roots)) {
      const path = join(root, parts.join('/'))
      for (const one of [`${path}.py`, `${path}/__init__.py`, `${join(root, parts[0] ?? '')}.py`]) {
        const skipped = this.skipped.get(one)
        if (skipped !== undefined) return `${one} was skipped (${skipped.reason})`
      }
    }
    return undefined
  }

  /** A package that its project's manifest puts into a folder of another name. */
  private renamed(from: string, parts: readonly string[]): Found | undefined {
    for (const { folder, renamed } of this.renaming) {
      if (folder !== '' && this.projects.size > 1 && !from.startsWith(`${folder}/`)) continue
      for (const [name, target] of renamed) {
        const own = name.split('.')
        if (own.some((part, at) => parts[at] !== part)) continue
        const found = this.walk(this.at(target), parts.slice(own.length))
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  private relative(from: string, dots: number, parts: readonly string[]): { found: Found } | { target: Target } {
    let folder = folderOf(from)
    for (let up = 1; up < dots; up++) {
      if (folder === '') return { target: unresolved('it leads out of the repository') }
      folder = folderOf(folder)
    }
    const found = this.walk(this.at(folder), parts)
    if (found !== undefined) return { found }
    const path = join(folder, parts.join('/'))
    const skipped = [`${path}.py`, `${path}/__init__.py`, path, folderOf(path)]
      .map((one) => this.skipped.get(one))
      .find((one) => one !== undefined)
    return {
      target: unresolved(
        skipped === undefined ? 'no such module in the repository' : `${skipped.path} was skipped (${skipped.reason})`,
      ),
    }
  }

  /** Where the package of a folder is imported from: the parent of its topmost package. */
  private rootOf(folder: string): string {
    let root = folder
    while (root !== '' && this.packages.has(root)) root = folderOf(root)
    return root
  }

  private walk(start: Found, parts: readonly string[]): Found | undefined {
    let found: Found | undefined = start
    for (const part of parts) found = found === undefined ? undefined : this.below(found, part)
    return found
  }

  private at(folder: string): Found {
    const init = [join(folder, '__init__.py'), join(folder, '__init__.pyi')].find((path) => this.files.has(path))
    return init === undefined ? { namespace: folder } : { file: init }
  }

  private below(found: Found, name: string): Found | undefined {
    if ('file' in found && !/(^|\/)__init__\.pyi?$/.test(found.file)) return undefined
    const path = join('file' in found ? folderOf(found.file) : found.namespace, name)
    if (this.packages.has(path)) return this.at(path)
    const file = [`${path}.py`, `${path}.pyi`].find((one) => this.files.has(one))
    if (file !== undefined) return { file }
    return this.folders.has(path) ? { namespace: path } : undefined
  }

  private targetOf(found: Found, specifier: string): Target {
    if ('file' in found) return { kind: 'file', path: found.file }
    return unresolved(`${specifier} is a folder without __init__.py, and no module in it is named`)
  }
}

/** In `__init__.py`, `from . import x` can only mean a module: the package is still being read. */
const isOwnPackage = (found: Found, from: string): boolean =>
  'file' in found && found.file === from && /(^|\/)__init__\.pyi?$/.test(from)

const join = (folder: string, name: string): string =>
  folder === '' ? name : name === '' ? folder : `${folder}/${name}`

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })
