import { basename, join, normalize } from 'node:path/posix'
import { objectOf, readJsonObject } from '../../manifests/json-object.js'
import { folderOf } from '../paths.js'
import { packageManifests } from './package-manifests.js'

/** How a tsconfig maps imports, inherited options included. Every path is relative to the root of the repository. */
export interface PathMapping {
  /** The folder of the tsconfig, whose files it maps. */
  folder: string
  baseUrl: string | undefined
  paths: [pattern: string, targets: string[]][]
  /** Folders that count as one when a relative import is looked for. */
  rootDirs: string[]
}

type Compiled = Omit<PathMapping, 'folder'>

/** Bound on a chain of `extends` or `references`; people write far shorter chains. */
const maxChain = 16

/** The mapping of every `tsconfig.json` and `jsconfig.json`. */
export function pathMappings(files: ReadonlyMap<string, string>): PathMapping[] {
  const reader = new ConfigReader(files)
  return [...files.keys()].flatMap((path) => {
    if (!/^[jt]sconfig\.json$/.test(basename(path))) return []
    return [{ folder: folderOf(path), ...reader.withReferences(path) }]
  })
}

class ConfigReader {
  readonly #files: ReadonlyMap<string, string>
  readonly #packageFolders: ReadonlyMap<string, string>
  /** The result of each file for each `configDir`: hostile chains reach a file in countless ways. */
  readonly #known = new Map<string, Compiled>()

  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files
    this.#packageFolders = new Map(
      packageManifests(files).flatMap(({ name, folder }) => (name === undefined ? [] : [[name, folder] as const])),
    )
  }

  /** A tsconfig that only refers to others beside it, as Vite's does, has the mapping of the first of them. */
  withReferences(path: string): Compiled {
    const own = this.#read(path, folderOf(path), [])
    if (own.paths.length > 0 || own.baseUrl !== undefined) return own
    const json = readJsonObject(this.#files.get(path))
    const referred = listOf(json['references']).flatMap((reference) => {
      const target = objectOf(reference)['path']
      const file = typeof target === 'string' ? normalize(join(folderOf(path), target)) : ''
      return file.endsWith('.json') && folderOf(file) === folderOf(path) && this.#files.has(file) ? [file] : []
    })
    for (const file of referred.slice(0, maxChain)) {
      const other = this.#read(file, folderOf(file), [path])
      if (other.paths.length > 0 || other.baseUrl !== undefined) return other
    }
    return own
  }

  /** @param configDir the folder of the tsconfig that the chain of `extends` began at */
  #read(path: string, configDir: string, chain: readonly string[]): Compiled {
    const key = JSON.stringify([path, configDir])
    const made = this.#known.get(key) ?? this.#compile(path, configDir, chain)
    this.#known.set(key, made)
    return made
  }

  #compile(path: string, configDir: string, chain: readonly string[]): Compiled {
    const json = readJsonObject(this.#files.get(path))
    const folder = folderOf(path)
    const isBounded = chain.length < maxChain && !chain.includes(path)
    const bases = isBounded ? [json['extends']].flat().flatMap((extended) => this.#fileOfExtends(folder, extended)) : []
    // A later base overrides an earlier base, and the file itself overrides all bases.
    const inherited = bases.map((base) => this.#read(base, configDir, [...chain, path])).reduce(merge, emptyMapping)
    const options = (json['compilerOptions'] ?? {}) as Record<string, unknown>
    const at = (target: string, base: string): string => inRepository(target, base, configDir)
    const baseUrl = typeof options['baseUrl'] === 'string' ? at(options['baseUrl'], folder) : inherited.baseUrl
    const own: Compiled = {
      baseUrl,
      paths: Object.entries((options['paths'] as Record<string, unknown> | undefined) ?? {}).map(
        ([pattern, targets]) => [pattern, textsIn(targets).map((target) => at(target, baseUrl ?? folder))],
      ),
      rootDirs: textsIn(options['rootDirs']).map((target) => at(target, folder)),
    }
    return merge(inherited, own)
  }

  #fileOfExtends(folder: string, extended: unknown): string[] {
    if (typeof extended !== 'string' || extended === '') return []
    const isPath = /^\.{1,2}(\/|$)/.test(extended)
    const path = isPath ? normalize(join(folder === '' ? '.' : folder, extended)) : this.#pathInPackage(extended)
    if (path === undefined) return []
    const file = [path, `${path}.json`, join(path, 'tsconfig.json')].find((candidate) => this.#files.has(candidate))
    return file === undefined ? [] : [file]
  }

  /** The path of `@own/configs/base.json`, where the repository has that package. */
  #pathInPackage(extended: string): string | undefined {
    const parts = extended.split('/')
    const length = extended.startsWith('@') ? 2 : 1
    const folder = this.#packageFolders.get(parts.slice(0, length).join('/'))
    return folder === undefined ? undefined : join(folder === '' ? '.' : folder, ...parts.slice(length))
  }
}

const emptyMapping: Compiled = { baseUrl: undefined, paths: [], rootDirs: [] }

const merge = (base: Compiled, own: Compiled): Compiled => ({
  baseUrl: own.baseUrl ?? base.baseUrl,
  paths: own.paths.length > 0 ? own.paths : base.paths,
  rootDirs: own.rootDirs.length > 0 ? own.rootDirs : base.rootDirs,
})

function inRepository(target: string, base: string, configDir: string): string {
  const template = '${configDir}'
  const path = target.startsWith(template) ? join(configDir, target.slice(template.length)) : join(base, target)
  return normalize(path).replace(/^\.$|\/$/, '')
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

const textsIn = (value: unknown): string[] =>
  listOf(value).filter((element): element is string => typeof element === 'string')
