import { join } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
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
import { Crates } from './crates.js'
import { ModuleTree, type Module } from './modules.js'

/** Finds the files of Rust modules: inside a crate by `mod` and folders, in other crates by `Cargo.toml`. */
export function rustResolver(context: ResolveContext): Resolver {
  return new RustFinder(context)
}

/** The names that an import takes, and from where. */
interface Taken {
  names: string[]
  target: Target
}

/** The module at which a path begins, and the rest of the path. */
interface Start {
  module: Module
  rest: readonly string[]
}

class RustFinder implements Resolver {
  readonly #context: ResolveContext
  readonly #crates: Crates
  readonly #tree: ModuleTree
  readonly #skipped: ReadonlyMap<string, SkippedFile>

  constructor(context: ResolveContext) {
    this.#context = context
    this.#crates = new Crates(context.texts)
    this.#tree = new ModuleTree(context, this.#crates.namedRoots)
    this.#skipped = skippedByPath(context.skipped)
  }

  resolve(from: string, raw: RawImport): ImportRecord[] {
    const found = this.#find(from, raw)
    if (found === undefined) return []
    const isOwn = found.target.kind === 'file' && found.target.path === from
    // A path inside other code may be part of a macro with another meaning.
    const isGuess = raw.form === 'inline' && found.target.kind !== 'file'
    return isOwn || isGuess ? [] : [{ specifier: raw.specifier, ...found }]
  }

  #find(from: string, { specifier, names, form }: RawImport): Taken | undefined {
    const parts = specifier.split('::')
    if (form === 'mod') return { names, target: this.#childTarget(from, parts) }
    if (form === 'path') return { names: [], target: this.#atPath(from, specifier) }
    if (form === 'crate') return { names, target: this.#crateTarget(parts[0] ?? '', from) }
    const start = this.#startOf(from, parts, form === 'use')
    if (start === undefined) return undefined
    if ('target' in start) return { names, target: start.target }
    return this.#walk(start, names)
  }

  /** Follows a path from module to module; the first part that is no module names a declaration of the last module. */
  #walk(start: Start, names: string[]): Taken {
    let { module } = start
    let at = 0
    for (; at < start.rest.length; at++) {
      const part = start.rest[at] ?? ''
      const child = part === 'self' ? module.file : this.#tree.childFile(module, [part])
      if (child === undefined) break
      module = this.#tree.moduleAt(child)
    }
    const missing = start.rest[at]
    const isDeclared = this.#tree.modulesDeclared(module.file).has(missing ?? '')
    if (isDeclared) return { names, target: this.#whyNoChild(module, missing ?? '') }
    return { names: missing === undefined ? ['*'] : [missing], target: toFile(module.file) }
  }

  /** The module at which a path begins; `undefined` where it begins with a declaration of the file itself. */
  #startOf(from: string, parts: readonly string[], mayBeCrate: boolean): Start | { target: Target } | undefined {
    const [first = '', ...rest] = parts
    const own = this.#tree.moduleAt(from)
    if (first === 'crate' || first === '$crate') return { module: this.#tree.rootOf(own, rest[0]), rest }
    if (first === 'self') return { module: own, rest }
    if (first === 'super') return this.#above(own, parts)
    if (first === '') return { target: this.#crateTarget(rest[0] ?? '', from) }
    if (!mayBeCrate) return undefined
    // A child module comes before a crate of the same name, and is more likely.
    if (this.#tree.childFile(own, [first]) !== undefined) return { module: own, rest: parts }
    const library = this.#crates.libraryFor(first, from)
    if (library !== undefined) return { module: this.#tree.moduleAt(library), rest }
    const dependency = this.#crates.packageOf(first, from)
    if (dependency !== undefined) return { target: toPackage(dependency) }
    const root = this.#tree.rootOf(own, first)
    if (this.#crates.manifestOf(from)?.edition === '2015' && root.file !== from && this.#knows(root, first)) {
      return { module: root, rest: parts }
    }
    // `use Colour::*` and `use inner::thing`: an enum or a module of this file.
    if (this.#knows(own, first) || /^[A-Z]/.test(first)) return undefined
    return { target: toPackage(first) }
  }

  #above(own: Module, parts: readonly string[]): Start | { target: Target } {
    let module = own
    let at = 0
    for (; parts[at] === 'super'; at++) {
      if (module.parent === null) return { target: unresolved('it leads above the root of the crate') }
      module = this.#tree.moduleAt(module.parent)
    }
    return { module, rest: parts.slice(at) }
  }

  /** Whether a module declares a name, as far as its outline shows. */
  #knows(module: Module, name: string): boolean {
    if (this.#tree.childFile(module, [name]) !== undefined) return true
    return (this.#context.parsed.get(module.file)?.outline ?? []).some((item) => item.name === name)
  }

  #crateTarget(name: string, from: string): Target {
    const library = this.#crates.libraryFor(name, from)
    return library === undefined ? toPackage(this.#crates.packageOf(name, from) ?? name) : toFile(library)
  }

  #childTarget(from: string, parts: readonly string[]): Target {
    const module = this.#tree.moduleAt(from)
    const file = this.#tree.childFile(module, parts)
    return file === undefined ? this.#whyNoChild(module, parts.join('/')) : toFile(file)
  }

  #atPath(from: string, path: string): Target {
    const file = this.#tree.fileAtPath(from, path)
    return file === undefined ? unresolved(`no file ${path} in the repository`) : toFile(file)
  }

  #whyNoChild(module: Module, name: string): Target {
    const path = join(module.folder, name)
    for (const candidate of [`${path}.rs`, `${path}/mod.rs`, path]) {
      const skipped = this.#skipped.get(candidate)
      if (skipped !== undefined) return unresolved(wasSkipped(skipped))
    }
    return unresolved(`neither ${path}.rs nor ${path}/mod.rs is in the repository`)
  }
}
