import type { FileRecord, RepositorySnapshot } from '../../records/index.js'
import { GenerationError } from '../errors.js'
import { localImports } from '../narrator/outline-facts.js'

/** A file, and the names that are taken from it. */
export interface Taken {
  path: string
  names: readonly string[]
}

/** A snapshot by path. */
export interface Structure {
  /** @throws GenerationError `FILE_UNKNOWN` */
  file(path: string): FileRecord
  has(path: string): boolean
  /** What the file takes from others, in the order in which it names them. */
  dependencies(path: string): readonly Taken[]
  /** Who takes what from the file, in path order. */
  users(path: string): readonly Taken[]
}

const known = new WeakMap<RepositorySnapshot, Structure>()

/** Made once for each snapshot: an agent asks about every file, and a walk over all files each time adds up. */
export function structureOf(snapshot: RepositorySnapshot): Structure {
  const made = known.get(snapshot) ?? makeStructure(snapshot)
  known.set(snapshot, made)
  return made
}

function makeStructure(snapshot: RepositorySnapshot): Structure {
  const files = new Map(snapshot.files.map((file) => [file.path, file]))
  const dependencies = new Map(snapshot.files.map((file) => [file.path, localImports(file)]))
  const users = new Map<string, Taken[]>(snapshot.files.map((file) => [file.path, []]))
  for (const [path, taken] of dependencies)
    for (const one of taken) users.get(one.path)?.push({ path, names: one.names })
  return {
    file(path) {
      const file = files.get(path)
      if (file !== undefined) return file
      throw new GenerationError('FILE_UNKNOWN', `${snapshot.name} has no file ${path}.`, { path })
    },
    has: (path) => files.has(path),
    dependencies: (path) => dependencies.get(path) ?? [],
    users: (path) => users.get(path) ?? [],
  }
}
