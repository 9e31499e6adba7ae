import { join, normalize } from 'node:path/posix'
import { folderOf } from '../paths.js'
import type { ResolveContext } from '../resolver.js'

/** A module: its file, and the folder in which the files of its children stand. */
export interface Module {
  file: string
  folder: string
  parent: string | null
}

/** The modules of a repository, from the roots of its crates down. */
export class ModuleTree {
  readonly #context: ResolveContext
  readonly #namedRoots: ReadonlySet<string>
  /** Every module by its file. */
  readonly #modules = new Map<string, Module>()
  readonly #declared = new Map<string, ReadonlyMap<string, string>>()
  /** The top module above each file that was asked for. */
  readonly #tops = new Map<string, Module>()

  /** @param namedRoots files at which a tree of modules begins because a manifest names them */
  constructor(context: ResolveContext, namedRoots: ReadonlySet<string>) {
    this.#context = context
    this.#namedRoots = namedRoots
    this.#findModules()
  }

  moduleAt(file: string): Module {
    const known = this.#modules.get(file)
    if (known !== undefined) return known
    const made = { file, folder: folderOfChildren(file), parent: this.#parentByFolder(file) }
    this.#modules.set(file, made)
    return made
  }

  childFile(module: Module, parts: readonly string[]): string | undefined {
    const path = join(module.folder, ...parts)
    const found = [`${path}.rs`, `${path}/mod.rs`].find((file) => this.#context.texts.has(file))
    return found ?? (parts.length === 1 ? this.#childByAttribute(module, parts[0] ?? '') : undefined)
  }

  fileAtPath(from: string, path: string): string | undefined {
    const joined = normalize(join(folderOf(from) === '' ? '.' : folderOf(from), path))
    return this.#context.texts.has(joined) ? joined : undefined
  }

  /** The names of the modules that a file declares, with the path that an attribute gives, else empty. */
  modulesDeclared(file: string): ReadonlyMap<string, string> {
    const known = this.#declared.get(file)
    if (known !== undefined) return known
    const made = new Map<string, string>()
    for (const { specifier, names, form } of this.#context.parsed.get(file)?.imports ?? []) {
      if (form === 'mod') made.set(specifier, '')
      if (form === 'path') made.set(names[0] ?? '', specifier)
    }
    this.#declared.set(file, made)
    return made
  }

  /** The root of a module's crate. @param first the first name of a path below the root */
  rootOf(module: Module, first: string | undefined): Module {
    const root = this.#tops.get(module.file) ?? this.#topOf(module)
    this.#tops.set(module.file, root)
    // `lib.rs` and `main.rs` share a folder: the path means the crate that has the module.
    const twin = /(^|\/)main\.rs$/.test(root.file) ? root.file.replace(/main\.rs$/, 'lib.rs') : undefined
    const isElsewhere = root !== module && twin !== undefined && this.#context.texts.has(twin)
    const hasIt = first === undefined || this.modulesDeclared(root.file).has(first)
    return isElsewhere && !hasIt ? this.moduleAt(twin) : root
  }

  #topOf(module: Module): Module {
    let top = module
    const seen = new Set<string>()
    while (top.parent !== null && !seen.has(top.file)) {
      seen.add(top.file)
      top = this.moduleAt(top.parent)
    }
    return top
  }

  /** Finds all modules that `mod` declarations lead to; other files get a parent by their folder when asked for. */
  #findModules(): void {
    const roots = [...this.#context.texts.keys()].filter((path) => this.#isRoot(path))
    const open: Module[] = roots.map((file) => ({ file, folder: folderOf(file), parent: null }))
    for (let module = open.shift(); module !== undefined; module = open.shift()) {
      if (this.#modules.has(module.file)) continue
      this.#modules.set(module.file, module)
      for (const { specifier, form } of this.#context.parsed.get(module.file)?.imports ?? []) {
        const isPath = form === 'path'
        if (form !== 'mod' && !isPath) continue
        const file = isPath ? this.fileAtPath(module.file, specifier) : this.childFile(module, specifier.split('::'))
        if (file !== undefined) open.push({ file, folder: folderOfChildren(file), parent: module.file })
      }
    }
  }

  #isRoot(path: string): boolean {
    if (!path.endsWith('.rs')) return false
    if (/(^|\/)(src\/(lib|main)|build)\.rs$/.test(path)) return true
    if (/(^|\/)(src\/bin|tests|examples|benches)\/([^/]+|[^/]+\/main)\.rs$/.test(path)) return true
    return this.#namedRoots.has(path)
  }

  #parentByFolder(file: string): string | null {
    const folder = file.endsWith('/mod.rs') ? folderOf(folderOf(file)) : folderOf(file)
    const candidates = ['mod.rs', 'lib.rs', 'main.rs'].map((name) => join(folder, name)).concat(`${folder}.rs`)
    return candidates.find((path) => path !== file && this.#context.texts.has(path)) ?? null
  }

  /** The file that `#[path = "..."]` gives to a module of this name. */
  #childByAttribute(module: Module, name: string): string | undefined {
    const path = this.modulesDeclared(module.file).get(name)
    return path === undefined || path === '' ? undefined : this.fileAtPath(module.file, path)
  }
}

/** The folder with the children of a module that is no root: beside `mod.rs`, else the folder with the module's name. */
const folderOfChildren = (file: string): string =>
  /(^|\/)(mod|lib|main)\.rs$/.test(file) ? folderOf(file) : file.replace(/\.rs$/, '')
