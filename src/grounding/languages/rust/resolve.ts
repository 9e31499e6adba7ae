import { join, normalize } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import { asName, cargoManifests, type CargoManifest } from './cargo-manifests.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import { firstByFolder, nearestAround } from '../paths.js'
import type { RawImport } from '../raw-import.js'

type Target = ImportRecord['target']

/** Finds the files of Rust modules: within a crate by `mod` and folders, in other crates by `Cargo.toml`. */
export function rustResolver(context: ResolveContext): Resolver {
  return new RustFinder(context)
}

/** A module: its file, and the folder in which the files of its children stand. */
interface Module {
  file: string
  folder: string
  parent: string | null
}

const standardCrates = new Set(['std', 'core', 'alloc', 'proc_macro', 'test'])

class RustFinder implements Resolver {
  private readonly manifests: ReadonlyMap<string, CargoManifest>
  /** Those that are no mere workspace. */
  private readonly crates: ReadonlyMap<string, CargoManifest>
  /** Files at which a tree of modules begins because a manifest says so. */
  private readonly namedRoots: ReadonlySet<string>
  /** Every module by its file; children are found before they are asked for. */
  private readonly modules = new Map<string, Module>()
  private readonly declared = new Map<string, ReadonlyMap<string, string>>()
  /** The root above each file that was asked for. */
  private readonly roots = new Map<string, Module>()
  /** The file of a crate's root by the crate's name. */
  private readonly libraries = new Map<string, string>()
  private readonly skipped: ReadonlyMap<string, SkippedFile>

  constructor(private readonly context: ResolveContext) {
    const { texts } = context
    // The nearest folder decides, so the deepest stands first.
    const manifests = cargoManifests(texts).sort((a, b) => b.folder.length - a.folder.length)
    this.manifests = firstByFolder(manifests)
    this.crates = firstByFolder(manifests.filter((one) => one.name !== ''))
    this.namedRoots = new Set(
      manifests.flatMap(({ lib, targets }) => (lib === undefined ? targets : [lib, ...targets])),
    )
    this.skipped = new Map(context.skipped.map((file) => [file.path, file]))
    for (const manifest of manifests) {
      const library = manifest.lib ?? join(manifest.folder, 'src/lib.rs')
      if (manifest.name === '' || !texts.has(library)) continue
      this.libraries.set(asName(manifest.libName ?? manifest.name), library)
      this.libraries.set(manifest.name, library)
    }
    this.findModules()
  }

  resolve(from: string, raw: RawImport): ImportRecord[] {
    const found = this.find(from, raw)
    if (found === undefined) return []
    const isOwn = found.target.kind === 'file' && found.target.path === from
    // A path in the midst of code may be part of a macro that means something else.
    const isGuess = raw.form === 'inline' && found.target.kind !== 'file'
    return isOwn || isGuess ? [] : [{ specifier: raw.specifier, ...found }]
  }

  private find(from: string, { specifier, names, form }: RawImport): { names: string[]; target: Target } | undefined {
    const parts = specifier.split('::')
    if (form === 'mod') return { names, target: this.childTarget(from, parts) }
    if (form === 'path') return { names: [], target: this.atPath(from, specifier) }
    if (form === 'crate') return { names, target: this.crateTarget(parts[0] ?? '', from) ?? external(parts[0] ?? '') }
    const start = this.startOf(from, parts, form === 'use')
    if (start === undefined) return undefined
    if ('target' in start) return { names, target: start.target }
    return this.walk(start.module, start.rest, names)
  }

  /** Follows a path from module to module; what is left names a declaration of the last one. */
  private walk(start: Module, parts: readonly string[], names: string[]): { names: string[]; target: Target } {
    let module = start
    let at = 0
    for (; at < parts.length; at++) {
      const child: string | undefined = parts[at] === 'self' ? module.file : this.childFile(module, [parts[at] ?? ''])
      if (child === undefined) break
      module = this.moduleAt(child)
    }
    const missing = parts[at]
    const isDeclared = this.modulesDeclared(module.file).has(missing ?? '')
    if (isDeclared) return { names, target: this.whyNoChild(module, missing ?? '') }
    return { names: missing === undefined ? ['*'] : [missing], target: { kind: 'file', path: module.file } }
  }

  /** The module at which a path begins; nothing where it begins with a declaration of the file itself. */
  private startOf(
    from: string,
    parts: readonly string[],
    mayBeCrate: boolean,
  ): { module: Module; rest: readonly string[] } | { target: Target } | undefined {
    const [first = '', ...rest] = parts
    const own = this.moduleAt(from)
    if (first === 'crate' || first === '$crate') return { module: this.rootOf(own, rest[0]), rest }
    if (first === 'self') return { module: own, rest }
    if (first === 'super') return this.above(own, parts)
    if (first === '') return { target: this.crateTarget(rest[0] ?? '', from) ?? external(rest[0] ?? '') }
    if (!mayBeCrate) return undefined
    // A module of one's own comes before a crate of the same name; it is the more likely one, too.
    if (this.childFile(own, [first]) !== undefined) return { module: own, rest: parts }
    const library = this.libraryFor(first, from)
    if (library !== undefined) return { module: this.moduleAt(library), rest }
    if (this.isDependency(first, from)) return { target: external(this.packageOf(first, from)) }
    const root = this.rootOf(own, first)
    if (this.manifestOf(from)?.edition === '2015' && root.file !== from && this.knows(root, first)) {
      return { module: root, rest: parts }
    }
    // `use Colour::*` and `use inner::thing`: an enum or a module of this very file.
    if (this.knows(own, first) || /^[A-Z]/.test(first)) return undefined
    return { target: external(first) }
  }

  private above(
    own: Module,
    parts: readonly string[],
  ): { module: Module; rest: readonly string[] } | { target: Target } {
    let module = own
    let at = 0
    for (; parts[at] === 'super'; at++) {
      if (module.parent === null) return { target: unresolved('it leads above the root of the crate') }
      module = this.moduleAt(module.parent)
    }
    return { module, rest: parts.slice(at) }
  }

  /** Whether a file declares a name, as far as its outline shows. */
  private knows(module: Module, name: string): boolean {
    if (this.childFile(module, [name]) !== undefined) return true
    return (this.context.parsed.get(module.file)?.outline ?? []).some((item) => item.name === name)
  }

  private rootOf(module: Module, first: string | undefined): Module {
    const root = this.roots.get(module.file) ?? this.topOf(module)
    this.roots.set(module.file, root)
    // `lib.rs` and `main.rs` share a folder: the crate meant is the one that has the module.
    const twin = /(^|\/)main\.rs$/.test(root.file) ? root.file.replace(/main\.rs$/, 'lib.rs') : undefined
    const isElsewhere = root !== module && twin !== undefined && this.context.texts.has(twin)
    const hasIt = first === undefined || this.modulesDeclared(root.file).has(first)
    return isElsewhere && !hasIt ? this.moduleAt(twin) : root
  }

  private topOf(module: Module): Module {
    let root = module
    const seen = new Set<string>()
    while (root.parent !== null && !seen.has(root.file)) {
      seen.add(root.file)
      root = this.moduleAt(root.parent)
    }
    return root
  }

  private libraryFor(name: string, from: string): string | undefined {
    const manifest = this.manifestOf(from)
    const dependency = this.dependencyOf(name, from)
    const byFolder = dependency?.folder === undefined ? undefined : this.crates.get(dependency.folder)
    const library = this.libraries.get(byFolder?.name ?? asName(dependency?.package ?? name))
    const isOwn = manifest !== undefined && (name === manifest.name || name === manifest.libName)
    return dependency !== undefined || isOwn || !standardCrates.has(name) ? library : undefined
  }

  private crateTarget(name: string, from: string): Target | undefined {
    const library = this.libraryFor(name, from)
    if (library !== undefined) return { kind: 'file', path: library }
    return this.isDependency(name, from) ? external(this.packageOf(name, from)) : undefined
  }

  private isDependency(name: string, from: string): boolean {
    return standardCrates.has(name) || this.dependencyOf(name, from) !== undefined
  }

  private packageOf(name: string, from: string): string {
    return standardCrates.has(name) ? name : (this.dependencyOf(name, from)?.package ?? name)
  }

  private dependencyOf(name: string, from: string): { package: string; folder: string | undefined } | undefined {
    for (let folder = folderOf(from); ; folder = folderOf(folder)) {
      const dependency = this.manifests.get(folder)?.dependencies.get(name)
      if (dependency !== undefined || folder === '') return dependency
    }
  }

  private manifestOf(path: string): CargoManifest | undefined {
    return nearestAround(this.crates, folderOf(path))
  }

  /** All modules, from the roots down; a file that no `mod` leads to is found by its folder when asked for. */
  private findModules(): void {
    const roots = [...this.context.texts.keys()].filter((path) => this.isRoot(path))
    const open: Module[] = roots.map((file) => ({ file, folder: folderOf(file), parent: null }))
    for (let module = open.shift(); module !== undefined; module = open.shift()) {
      if (this.modules.has(module.file)) continue
      this.modules.set(module.file, module)
      for (const { specifier, form } of this.context.parsed.get(module.file)?.imports ?? []) {
        const isPath = form === 'path'
        if (form !== 'mod' && !isPath) continue
        const file = isPath ? this.fileAtPath(module.file, specifier) : this.childFile(module, specifier.split('::'))
        if (file !== undefined) open.push({ file, folder: folderOfChildren(file), parent: module.file })
      }
    }
  }

  private isRoot(path: string): boolean {
    if (!path.endsWith('.rs')) return false
    if (/(^|\/)(src\/(lib|main)|build)\.rs$/.test(path)) return true
    if (/(^|\/)(src\/bin|tests|examples|benches)\/([^/]+|[^/]+\/main)\.rs$/.test(path)) return true
    return this.namedRoots.has(path)
  }

  private moduleAt(file: string): Module {
    const known = this.modules.get(file)
    if (known !== undefined) return known
    const made = { file, folder: folderOfChildren(file), parent: this.parentByFolder(file) }
    this.modules.set(file, made)
    return made
  }

  private parentByFolder(file: string): string | null {
    const folder = file.endsWith('/mod.rs') ? folderOf(folderOf(file)) : folderOf(file)
    const candidates = ['mod.rs', 'lib.rs', 'main.rs'].map((name) => join(folder, name)).concat(`${folder}.rs`)
    return candidates.find((path) => path !== file && this.context.texts.has(path)) ?? null
  }

  private childFile(module: Module, parts: readonly string[]): string | undefined {
    const path = join(module.folder, ...parts)
    const found = [`${path}.rs`, `${path}/mod.rs`].find((one) => this.context.texts.has(one))
    return found ?? (parts.length === 1 ? this.childByAttribute(module, parts[0] ?? '') : undefined)
  }

  /** The file that `#[path = "..."]` gives to a module of this name. */
  private childByAttribute(module: Module, name: string): string | undefined {
    const path = this.modulesDeclared(module.file).get(name)
    return path === undefined || path === '' ? undefined : this.fileAtPath(module.file, path)
  }

  private fileAtPath(from: string, path: string): string | undefined {
    const joined = normalize(join(folderOf(from) === '' ? '.' : folderOf(from), path))
    return this.context.texts.has(joined) ? joined : undefined
  }

  /** Names of the modules that a file declares, with the path where an attribute gives one, else empty. */
  private modulesDeclared(file: string): ReadonlyMap<string, string> {
    const known = this.declared.get(file)
    if (known !== undefined) return known
    const made = new Map<string, string>()
    for (const { specifier, names, form } of this.context.parsed.get(file)?.imports ?? []) {
      if (form === 'mod') made.set(specifier, '')
      if (form === 'path') made.set(names[0] ?? '', specifier)
    }
    this.declared.set(file, made)
    return made
  }

  private childTarget(from: string, parts: readonly string[]): Target {
    const module = this.moduleAt(from)
    const file = this.childFile(module, parts)
    return file === undefined ? this.whyNoChild(module, parts.join('/')) : { kind: 'file', path: file }
  }

  private atPath(from: string, path: string): Target {
    const file = this.fileAtPath(from, path)
    return file === undefined ? unresolved(`no file ${path} in the repository`) : { kind: 'file', path: file }
  }

  private whyNoChild(module: Module, name: string): Target {
    const path = join(module.folder, name)
    for (const one of [`${path}.rs`, `${path}/mod.rs`, path]) {
      const skipped = this.skipped.get(one)
      if (skipped !== undefined) return unresolved(`${skipped.path} was skipped (${skipped.reason})`)
    }
    return unresolved(`neither ${path}.rs nor ${path}/mod.rs is in the repository`)
  }
}

/** Where the children of a module that is no root stand: beside `mod.rs`, else in the folder of its name. */
const folderOfChildren = (file: string): string =>
  /(^|\/)(mod|lib|main)\.rs$/.test(file) ? folderOf(file) : file.replace(/\.rs$/, '')

const external = (name: string): Target => ({ kind: 'external', package: name })

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })
