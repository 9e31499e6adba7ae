import { isBuiltin } from 'node:module'
import { join, normalize } from 'node:path/posix'
import type { SkippedFile } from '../../../records/index.js'
import { firstByFolder, folderOf, isWithin, nearestAround } from '../paths.js'
import {
  noSuchFile,
  skippedByPath,
  toFile,
  toPackage,
  unresolved,
  wasSkipped,
  type ResolveContext,
  type Resolver,
  type Target,
} from '../resolver.js'
import { candidatesFor, sourceBehindOutput, sourceOf } from './candidates.js'
import { bestPattern, exportEntries, pathsIn } from './export-patterns.js'
import { packageManifests, type PackageManifest } from './package-manifests.js'
import { pathMappings, type PathMapping } from './tsconfig.js'

/** Finds the file that a JavaScript or TypeScript import means. */
export function scriptResolver({ texts, skipped }: ResolveContext): Resolver {
  const finder = new ScriptFinder(texts, skipped)
  return {
    resolve: (from, { specifier, names }) => [{ specifier, names, target: finder.resolve(from, specifier) }],
  }
}

const maxSpecifierChars = 1_000

class ScriptFinder {
  readonly #texts: ReadonlyMap<string, string>
  readonly #packages: ReadonlyMap<string, PackageManifest>
  /** By name; of several packages with a name, the package in the deepest folder. */
  readonly #packagesByName = new Map<string, PackageManifest>()
  readonly #mappings: ReadonlyMap<string, PathMapping>
  readonly #rootDirs: ReadonlyMap<string, PathMapping>
  readonly #skipped: Map<string, SkippedFile>

  constructor(texts: ReadonlyMap<string, string>, skipped: readonly SkippedFile[]) {
    this.#texts = texts
    const packages = packageManifests(texts).sort((a, b) => b.folder.length - a.folder.length)
    this.#packages = firstByFolder(packages)
    for (const manifest of packages) {
      const { name } = manifest
      if (name !== undefined && !this.#packagesByName.has(name)) this.#packagesByName.set(name, manifest)
    }
    const mappings = pathMappings(texts)
    this.#mappings = firstByFolder(mappings.filter(({ paths, baseUrl }) => paths.length > 0 || baseUrl !== undefined))
    this.#rootDirs = firstByFolder(mappings.filter(({ rootDirs }) => rootDirs.length > 0))
    this.#skipped = skippedByPath(skipped)
  }

  resolve(from: string, written: string): Target {
    if (written.length > maxSpecifierChars) return unresolved('too long')
    const specifier = written.replace(/[?!].*$/, '')
    if (specifier === '') return unresolved('an empty specifier')
    if (/^\.{1,2}(\/|$)/.test(specifier)) return this.#relative(folderOf(from), specifier)
    if (specifier.startsWith('/')) return unresolved('an absolute path')
    if (/^(https?|data|blob|file):/.test(specifier)) return unresolved('a URL')
    if (isBuiltin(specifier)) return toPackage(`node:${specifier.replace(/^node:/, '')}`)
    if (specifier.startsWith('#')) return this.#throughImports(from, specifier)
    return this.#throughPaths(from, specifier) ?? this.#throughPackage(specifier) ?? external(specifier)
  }

  #relative(folder: string, specifier: string): Target {
    const path = normalize(join(folder === '' ? '.' : folder, specifier)).replace(/\/$/, '')
    if (path === '..' || path.startsWith('../')) return unresolved('it leads out of the repository')
    const file =
      this.#fileAt(path) ??
      this.#throughRootDirs(folder, path) ??
      this.#sourceOfOutput(path) ??
      sourceBehindOutput(path, this.#texts)
    return file === undefined ? unresolved(this.#whyMissing(path)) : toFile(file)
  }

  /** The same path below another of the folders that a tsconfig merges. */
  #throughRootDirs(folder: string, path: string): string | undefined {
    const mapping = nearestAround(this.#rootDirs, folder)
    const root = mapping?.rootDirs.find((rootDir) => isWithin(path, rootDir))
    if (mapping === undefined || root === undefined) return undefined
    const rest = root === '' ? path : path.slice(root.length + 1)
    for (const other of mapping.rootDirs) {
      const file = other === root ? undefined : this.#fileAt(join(other, rest))
      if (file !== undefined) return file
    }
    return undefined
  }

  /** The file that a path means, also by the `main` of a package's folder. */
  #fileAt(path: string): string | undefined {
    for (const candidate of candidatesFor(path)) if (this.#texts.has(candidate)) return candidate
    const manifest = this.#packages.get(path === '.' ? '' : path)
    if (manifest?.main === undefined) return undefined
    const main = join(path, manifest.main)
    return candidatesFor(main).find((candidate) => this.#texts.has(candidate)) ?? sourceOf(main, this.#texts)
  }

  /** The source of compiled output, which tests often import. */
  #sourceOfOutput(path: string): string | undefined {
    const isOutput = candidatesFor(path).some((candidate) => this.#skipped.get(candidate)?.reason === 'generated')
    if (!isOutput) return undefined
    return sourceOf(path, this.#texts) ?? sourceOf(`${path}/index`, this.#texts)
  }

  #whyMissing(path: string): string {
    for (const candidate of candidatesFor(path)) {
      const skipped = this.#skipped.get(candidate)
      if (skipped !== undefined) return wasSkipped(skipped)
    }
    const folder = nearestAround(this.#skipped, folderOf(path))
    return folder === undefined ? noSuchFile : wasSkipped(folder)
  }

  #throughPaths(from: string, specifier: string): Target | null {
    const mapping = nearestAround(this.#mappings, folderOf(from))
    if (mapping === undefined) return null
    const match = bestPattern(mapping.paths, specifier)
    for (const target of match?.value ?? []) {
      const file = this.#fileAt(normalize(target.replace('*', () => match?.star ?? '')))
      if (file !== undefined) return toFile(file)
    }
    const besideBase =
      mapping.baseUrl === undefined ? undefined : this.#fileAt(normalize(join(mapping.baseUrl, specifier)))
    if (besideBase !== undefined) return toFile(besideBase)
    // A lone `*` maps everything, so a miss proves nothing.
    if (match === null || match.pattern === '*') return null
    return unresolved(`the path mapping ${match.pattern} leads to no file of the repository`)
  }

  /** A package of the repository by its name: the root itself, or another package of its workspace. */
  #throughPackage(specifier: string): Target | null {
    const manifest = nearestAround(this.#packagesByName, specifier)
    if (manifest?.name === undefined) return null
    const subpath = `.${specifier.slice(manifest.name.length)}`
    const exported = bestPattern(exportEntries(manifest.exports), subpath)
    const direct = subpath === '.' ? [manifest.main ?? 'index'] : [subpath]
    const targets =
      exported === null ? direct : pathsIn(exported.value).map((path) => path.replaceAll('*', exported.star))
    return (
      this.#firstOf(manifest.folder, targets) ??
      this.#skippedOf(manifest.folder, targets) ??
      this.#firstOf(
        manifest.folder,
        subpath === '.' ? ['src/index', 'index', 'lib/index'] : [subpath, `src/${subpath}`],
      ) ??
      unresolved(`the package ${manifest.name} of the repository has no file for it`)
    )
  }

  #throughImports(from: string, specifier: string): Target {
    const manifest = nearestAround(this.#packages, folderOf(from))
    const match = bestPattern(
      Object.entries((manifest?.imports as Record<string, unknown> | undefined) ?? {}),
      specifier,
    )
    if (manifest === undefined || match === null) return unresolved('no "imports" entry in package.json')
    const targets = pathsIn(match.value).map((path) => path.replaceAll('*', match.star))
    const bare = targets.find((path) => !path.startsWith('.'))
    return (
      this.#firstOf(manifest.folder, targets) ??
      this.#skippedOf(manifest.folder, targets) ??
      (bare === undefined ? unresolved('its "imports" entry leads to no file of the repository') : external(bare))
    )
  }

  /** The first of the targets that is a file, with paths relative to a folder. */
  #firstOf(folder: string, targets: readonly string[]): Target | null {
    for (const target of targets) {
      const path = normalize(join(folder === '' ? '.' : folder, target)).replace(/\/$/, '')
      const file = this.#fileAt(path) ?? sourceOf(path, this.#texts) ?? sourceBehindOutput(path, this.#texts)
      if (file !== undefined) return toFile(file)
    }
    return null
  }

  /** Unresolved, with the reason, where one of the targets was skipped; else `null`. */
  #skippedOf(folder: string, targets: readonly string[]): Target | null {
    for (const target of targets) {
      const reason = this.#whyMissing(normalize(join(folder === '' ? '.' : folder, target)).replace(/\/$/, ''))
      if (reason !== noSuchFile) return unresolved(reason)
    }
    return null
  }
}

function external(specifier: string): Target {
  const parts = specifier.split('/')
  return toPackage(specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string))
}
