import type { FileRecord, RepositorySnapshot } from '../../records/index.js'
import { GenerationError } from '../errors.js'
import { localImports } from '../narrator/outline-facts.js'

/** A file, and the names that are taken from it. */
export interface FileNames {
  path: string
  names: readonly string[]
}

/** A snapshot by path. */
export interface SnapshotIndex {
  /** @throws GenerationError `FILE_UNKNOWN` */
  file(path: string): FileRecord
  has(path: string): boolean
  /** What the file takes from others, in the order in which it names them. */
  dependenciesOf(path: string): readonly FileNames[]
  /** Who takes what from the file, in path order. */
  usersOf(path: string): readonly FileNames[]
}

const indexes = new WeakMap<RepositorySnapshot, SnapshotIndex>()

/** Made once for each snapshot: an agent asks about every file, and a walk over all files each time adds up. */
export function indexOf(snapshot: RepositorySnapshot): SnapshotIndex {
  const index = indexes.get(snapshot) ?? makeIndex(snapshot)
  indexes.set(snapshot, index)
  return index
}

function makeIndex(snapshot: RepositorySnapshot): SnapshotIndex {
  const files = new Map(snapshot.files.map((file) => [file.path, file]))
  const dependencies = new Map(snapshot.files.map((file) => [file.path, localImports(file)]))
  const users = new Map<string, FileNames[]>(snapshot.files.map((file) => [file.path, []]))
  for (const [path, imports] of dependencies)
    for (const dependency of imports) users.get(dependency.path)?.push({ path, names: dependency.names })
  return {
    file(path) {
      const file = files.get(path)
      if (file !== undefined) return file
      throw new GenerationError('FILE_UNKNOWN', `${snapshot.name} has no file ${path}.`, { path })
    },
    has: (path) => files.has(path),
    dependenciesOf: (path) => dependencies.get(path) ?? [],
    usersOf: (path) => users.get(path) ?? [],
  }
}
