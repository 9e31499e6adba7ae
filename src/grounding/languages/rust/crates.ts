import { join } from 'node:path/posix'
import { firstByFolder, folderOf, nearestAround } from '../paths.js'
import { asName, cargoManifests, type CargoManifest } from './cargo-manifests.js'

const standardCrates = new Set(['std', 'core', 'alloc', 'proc_macro', 'test'])

/** The crates of a repository, and the dependencies of each. */
export class Crates {
  /** Files at which a tree of modules begins because a manifest names them. */
  readonly namedRoots: ReadonlySet<string>
  readonly #manifests: ReadonlyMap<string, CargoManifest>
  /** The manifests of packages, without mere workspaces. */
  readonly #packages: ReadonlyMap<string, CargoManifest>
  /** The root file of each library by the names of its crate. */
  readonly #libraries = new Map<string, string>()

  constructor(texts: ReadonlyMap<string, string>) {
    // The deepest first, since of two libraries with one name the last stays.
    const manifests = cargoManifests(texts).sort((a, b) => b.folder.length - a.folder.length)
    this.#manifests = firstByFolder(manifests)
    this.#packages = firstByFolder(manifests.filter((manifest) => manifest.name !== ''))
    this.namedRoots = new Set(
      manifests.flatMap(({ lib, targets }) => (lib === undefined ? targets : [lib, ...targets])),
    )
    for (const manifest of manifests) {
      const library = manifest.lib ?? join(manifest.folder, 'src/lib.rs')
      if (manifest.name === '' || !texts.has(library)) continue
      this.#libraries.set(asName(manifest.libName ?? manifest.name), library)
      this.#libraries.set(manifest.name, library)
    }
  }

  /** The manifest of the package that a file belongs to. */
  manifestOf(path: string): CargoManifest | undefined {
    return nearestAround(this.#packages, folderOf(path))
  }

  /** The root file of a crate of this repository, by the name that a file uses for it. */
  libraryFor(name: string, from: string): string | undefined {
    const manifest = this.manifestOf(from)
    const dependency = this.#dependencyOf(name, from)
    const byFolder = dependency?.folder === undefined ? undefined : this.#packages.get(dependency.folder)
    const library = this.#libraries.get(byFolder?.name ?? asName(dependency?.package ?? name))
    const isOwn = manifest !== undefined && (name === manifest.name || name === manifest.libName)
    return dependency !== undefined || isOwn || !standardCrates.has(name) ? library : undefined
  }

  /** The package of a dependency; `undefined` where the name is none. */
  packageOf(name: string, from: string): string | undefined {
    return standardCrates.has(name) ? name : this.#dependencyOf(name, from)?.package
  }

  #dependencyOf(name: string, from: string): { package: string; folder: string | undefined } | undefined {
    for (let folder = folderOf(from); ; folder = folderOf(folder)) {
      const dependency = this.#manifests.get(folder)?.dependencies.get(name)
      if (dependency !== undefined || folder === '') return dependency
    }
  }
}
