import { isBuiltin } from 'node:module'
import { join, normalize } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import { bestPattern, exportEntries, pathsIn } from './export-patterns.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf, packageManifests, type PackageManifest } from '../../manifests/about-repository.js'
import { stemOf } from '../language-of.js'
import { firstByFolder, nearestAround } from '../paths.js'
import { outputFolders } from '../../selection/skip-rules.js'
import { pathMappings, type PathMapping } from './tsconfig.js'

type Target = ImportRecord['target']

const codeExtensions = [
  '.ts',
  '.tsx',
  '.d.ts',
  '.mts',
  '.cts',
  '.js',
  '.jsx',
  '.mjs',
  '.cjs',
  '.json',
  '.d.mts',
  '.d.cts',
]
const typedTwins: Readonly<Record<string, string[]>> = {
  '.js': ['.ts', '.tsx', '.d.ts', '.jsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts', '.d.mts', '.ts'],
  '.cjs': ['.cts', '.d.cts', '.ts'],
}

/** Finds the file that a JavaScript or TypeScript import means. */
export function scriptResolver({ texts, skipped }: ResolveContext): Resolver {
  const finder = new ScriptFinder(texts, skipped)
  return {
    resolve: (from, { specifier, names }) => [{ specifier, names, target: finder.resolve(from, specifier) }],
  }
}

const MAX_SPECIFIER_CHARS = 1_000

const NO_SUCH_FILE = 'no such file in the repository'

class ScriptFinder {
  private readonly packages: ReadonlyMap<string, PackageManifest>
  /** By name; of several, the one in the deepest folder. */
  private readonly packagesByName = new Map<string, PackageManifest>()
  private readonly mappings: ReadonlyMap<string, PathMapping>
  private readonly rootDirs: ReadonlyMap<string, PathMapping>
  private readonly skipped: Map<string, SkippedFile>

  constructor(
    private readonly texts: ReadonlyMap<string, string>,
    skipped: readonly SkippedFile[],
  ) {
    const packages = packageManifests(texts).sort((a, b) => b.folder.length - a.folder.length)
    this.packages = firstByFolder(packages)
    for (const one of packages) {
      if (one.name !== undefined && !this.packagesByName.has(one.name)) this.packagesByName.set(one.name, one)
    }
    const mappings = pathMappings(texts)
    this.mappings = firstByFolder(mappings.filter((one) => one.paths.length > 0 || one.baseUrl !== undefined))
    this.rootDirs = firstByFolder(mappings.filter((one) => one.rootDirs.length > 0))
    this.skipped = new Map(skipped.map((file) => [file.path, file]))
  }

  resolve(from: string, written: string): Target {
    if (written.length > MAX_SPECIFIER_CHARS) return unresolved('too long')
    const specifier = written.replace(/[?!].*$/, '')
    if (specifier === '') return unresolved('an empty specifier')
    if (/^\.{1,2}(\/|$)/.test(specifier)) return this.relative(folderOf(from), specifier)
    if (specifier.startsWith('/')) return unresolved('an absolute path')
    if (/^(https?|data|blob|file):/.test(specifier)) return unresolved('a URL')
    if (isBuiltin(specifier)) return { kind: 'external', package: `node:${specifier.replace(/^node:/, '')}` }
    if (specifier.startsWith('#')) return this.throughImports(from, specifier)
    return this.throughPaths(from, specifier) ?? this.throughPackage(specifier) ?? external(specifier)
  }

  private relative(folder: string, specifier: string): Target {
    const path = normalize(join(folder === '' ? '.' : folder, specifier)).replace(/\/$/, '')
    if (path === '..' || path.startsWith('../')) return unresolved('it leads out of the repository')
    const file =
      this.fileAt(path) ??
      this.throughRootDirs(folder, path) ??
      this.sourceOfOutput(path) ??
      this.sourceBehindOutput(path)
    return file === undefined ? unresolved(this.whyMissing(path)) : { kind: 'file', path: file }
  }

  /** The same path below another one of the folders that a tsconfig counts as one. */
  private throughRootDirs(folder: string, path: string): string | undefined {
    const mapping = nearestAround(this.rootDirs, folder)
    const root = mapping?.rootDirs.find((one) => isWithin(path, one))
    if (mapping === undefined || root === undefined) return undefined
    const rest = root === '' ? path : path.slice(root.length + 1)
    for (const other of mapping.rootDirs) {
      const file = other === root ? undefined : this.fileAt(join(other, rest))
      if (file !== undefined) return file
    }
    return undefined
  }

  /** The file that a path without query means: itself, its TypeScript, with an extension, or a folder's index. */
  private fileAt(path: string): string | undefined {
    for (const candidate of candidatesFor(path)) if (this.texts.has(candidate)) return candidate
    const manifest = this.packages.get(path === '.' ? '' : path)
    if (manifest?.main === undefined) return undefined
    const main = join(path, manifest.main)
    return candidatesFor(main).find((candidate) => this.texts.has(candidate)) ?? this.sourceOf(main)
  }

  /** Tests import the compiled output; what they mean is the source that it comes from. */
  private sourceOfOutput(path: string): string | undefined {
    const isOutput = candidatesFor(path).some((candidate) => this.skipped.get(candidate)?.reason === 'generated')
    if (!isOutput) return undefined
    return this.sourceOf(path) ?? this.sourceOf(`${path}/index`)
  }

  private whyMissing(path: string): string {
    for (const candidate of candidatesFor(path)) {
      const skipped = this.skipped.get(candidate)
      if (skipped !== undefined) return `${candidate} was skipped (${skipped.reason})`
    }
    for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder)) {
      const skipped = this.skipped.get(folder)
      if (skipped !== undefined) return `${folder} was skipped (${skipped.reason})`
    }
    return NO_SUCH_FILE
  }

  private throughPaths(from: string, specifier: string): Target | null {
    const mapping = nearestAround(this.mappings, folderOf(from))
    if (mapping === undefined) return null
    const match = bestPattern(mapping.paths, specifier)
    for (const target of match?.value ?? []) {
      const file = this.fileAt(normalize(target.replace('*', () => match?.star ?? '')))
      if (file !== undefined) return { kind: 'file', path: file }
    }
    const besideBase =
      mapping.baseUrl === undefined ? undefined : this.fileAt(normalize(join(mapping.baseUrl, specifier)))
    if (besideBase !== undefined) return { kind: 'file', path: besideBase }
    // A lone `*` maps everything, so nothing follows from a miss.
    if (match === null || match.pattern === '*') return null
    return unresolved(`the path mapping ${match.pattern} leads to no file of the repository`)
  }

  /** A package of the repository by its own name: the root's, or another one of the same workspace. */
  private throughPackage(specifier: string): Target | null {
    const manifest = nearestAround(this.packagesByName, specifier)
    if (manifest?.name === undefined) return null
    const subpath = `.${specifier.slice(manifest.name.length)}`
    const exported = bestPattern(exportEntries(manifest.exports), subpath)
    const direct = subpath === '.' ? [manifest.main ?? 'index'] : [subpath]
    const targets =
      exported === null ? direct : pathsIn(exported.value).map((path) => path.replaceAll('*', exported.star))
    return (
      this.firstOf(manifest.folder, targets) ??
      this.skippedOf(manifest.folder, targets) ??
      this.firstOf(
        manifest.folder,
        subpath === '.' ? ['src/index', 'index', 'lib/index'] : [subpath, `src/${subpath}`],
      ) ??
      unresolved(`the package ${manifest.name} of the repository has no file for it`)
    )
  }

  private throughImports(from: string, specifier: string): Target {
    const manifest = nearestAround(this.packages, folderOf(from))
    const match = bestPattern(
      Object.entries((manifest?.imports as Record<string, unknown> | undefined) ?? {}),
      specifier,
    )
    if (manifest === undefined || match === null) return unresolved('no "imports" entry in package.json')
    const targets = pathsIn(match.value).map((path) => path.replaceAll('*', match.star))
    const bare = targets.find((path) => !path.startsWith('.'))
    return (
      this.firstOf(manifest.folder, targets) ??
      this.skippedOf(manifest.folder, targets) ??
      (bare === undefined ? unresolved('its "imports" entry leads to no file of the repository') : external(bare))
    )
  }

  private firstOf(folder: string, targets: readonly string[]): Target | null {
    for (const target of targets) {
      const path = normalize(join(folder === '' ? '.' : folder, target)).replace(/\/$/, '')
      const file = this.fileAt(path) ?? this.sourceOf(path) ?? this.sourceBehindOutput(path)
      if (file !== undefined) return { kind: 'file', path: file }
    }
    return null
  }

  /** Why none of the targets is here, where one of them was skipped. */
  private skippedOf(folder: string, targets: readonly string[]): Target | null {
    for (const target of targets) {
      const reason = this.whyMissing(normalize(join(folder === '' ? '.' : folder, target)).replace(/\/$/, ''))
      if (reason !== NO_SUCH_FILE) return unresolved(reason)
    }
    return null
  }

  /** A checkout has no compiled files: `dist/esm/a.js` is written in `src/a.ts`, or in `a.ts`. */
  private sourceBehindOutput(path: string): string | undefined {
    const parts = stemOf(path).split('/')
    for (const [at, part] of parts.entries()) {
      if (!outputFolders.has(part)) continue
      const below = parts.slice(at + 1)
      const isFormat = below.length > 0 && /^(esm|cjs|commonjs)$/.test(below[0] as string)
      const rests = isFormat ? [below, below.slice(1)] : [below]
      for (const folder of [['src'], ['source'], ['lib'], []]) {
        for (const rest of rests) {
          const stem = [...parts.slice(0, at), ...folder, ...rest].join('/')
          const names = at + folder.length + rest.length === 0 ? ['index'] : [stem, `${stem}/index`]
          const files = names.flatMap((name) => codeExtensions.map((extension) => name + extension))
          const found = files.find((file) => this.texts.has(file))
          if (found !== undefined) return found
        }
      }
    }
    return undefined
  }

  /** Manifests name compiled files; `dist/a.js` is written in `src/a.ts`. */
  private sourceOf(path: string): string | undefined {
    const stem = stemOf(path)
    const parts = stem.split('/')
    for (let at = 0; at < parts.length; at++) {
      for (const folder of ['src', 'source', 'lib']) {
        const beside = [...parts.slice(0, at), folder, ...parts.slice(at + 1)].join('/')
        const below = [...parts.slice(0, at), folder, ...parts.slice(at)].join('/')
        for (const candidate of at < parts.length - 1 ? [beside, below] : [below]) {
          const found = codeExtensions.map((extension) => candidate + extension).find((file) => this.texts.has(file))
          if (found !== undefined) return found
        }
      }
    }
    return undefined
  }
}

function candidatesFor(path: string): string[] {
  const inFolder = path === '' || path === '.' ? 'index' : `${path}/index`
  const extension = /\.[cm]?jsx?$/.exec(path)?.[0] ?? ''
  const twins = (typedTwins[extension] ?? []).map((twin) => path.slice(0, -extension.length) + twin)
  // TypeScript first: where `a.ts` and `a.js` stand together, `./a.js` means the code that was written.
  const declared = path.replace(/(?<!\.d)\.([cm]?)ts$/, '.d.$1ts')
  return [
    ...twins,
    path,
    declared,
    ...codeExtensions.map((one) => path + one),
    ...codeExtensions.map((one) => inFolder + one),
  ]
}

const isWithin = (path: string, folder: string): boolean => folder === '' || path.startsWith(`${folder}/`)

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })

function external(specifier: string): Target {
  const parts = specifier.split('/')
  return { kind: 'external', package: specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string) }
}
