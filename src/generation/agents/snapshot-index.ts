import type { FileRecord, RepositorySnapshot } from '../../records/index.js'
import { GenerationError } from '../errors.js'
import { localImports } from '../narrator/outline-facts.js'

/** A file, and the names that another file imports from it. */
export interface FileImport {
  path: string
  names: readonly string[]
}

/** Looks up the files of a snapshot by path. */
export interface SnapshotIndex {
  /** @throws GenerationError `FILE_UNKNOWN` */
  file(path: string): FileRecord
  has(path: string): boolean
  /** The files that this file imports, in the order of the imports. */
  dependenciesOf(path: string): readonly FileImport[]
  /** The files that import this file, in path order. */
  usersOf(path: string): readonly FileImport[]
}

const indexes = new WeakMap<RepositorySnapshot, SnapshotIndex>()

/** Made once for each snapshot: an agent asks about every file, and a walk over all files each time takes too long. */
export function indexSnapshot(snapshot: RepositorySnapshot): SnapshotIndex {
  const index = indexes.get(snapshot) ?? makeIndex(snapshot)
  indexes.set(snapshot, index)
  return index
}

function makeIndex(snapshot: RepositorySnapshot): SnapshotIndex {
  const files = new Map(snapshot.files.map((file) => [file.path, file]))
  const dependencies = new Map(snapshot.files.map((file) => [file.path, localImports(file)]))
  const users = new Map<string, FileImport[]>(snapshot.files.map((file) => [file.path, []]))
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
