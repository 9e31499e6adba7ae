import type { FileRecord, RepositorySnapshot } from '../../records/index.js'
import { GenerationError } from '../errors.js'

/** @throws GenerationError `FILE_UNKNOWN` */
export function fileOf(snapshot: RepositorySnapshot, path: string): FileRecord {
  const file = snapshot.files.find((candidate) => candidate.path === path)
  if (file === undefined) throw new GenerationError('FILE_UNKNOWN', `${snapshot.name} has no file ${path}.`, { path })
  return file
}
