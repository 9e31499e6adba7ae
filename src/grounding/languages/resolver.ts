import type { ImportRecord, SkippedFile } from '../../records/index.js'
import type { ParsedFile } from './parsed-file.js'
import type { RawImport } from './raw-import.js'

/** Everything that finding the file behind an import may read. */
export interface ResolveContext {
  /** Content of every kept file by path, in code-unit order of the paths. */
  texts: ReadonlyMap<string, string>
  parsed: ReadonlyMap<string, ParsedFile>
  /** The name under which code imports the root, where the root itself is a package. */
  packageName: string
  skipped: readonly SkippedFile[]
}

/** Finds the files that an import means: one record for each file, since one import may take from several. */
export interface Resolver {
  resolve(from: string, raw: RawImport): ImportRecord[]
  /** Files of the same package that declare names in `references`; each a record with its names. None by default. */
  neighbours?(from: string, references: readonly string[]): ImportRecord[]
}

/** Where an import leads. */
export type Target = ImportRecord['target']

export const toFile = (path: string): Target => ({ kind: 'file', path })

export const toPackage = (name: string): Target => ({ kind: 'external', package: name })

/** @param reason for people; the snapshot keeps it */
export const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })

export const noSuchFile = 'no such file in the repository'

export const wasSkipped = ({ path, reason }: SkippedFile): string => `${path} was skipped (${reason})`

export const skippedByPath = (skipped: readonly SkippedFile[]): Map<string, SkippedFile> =>
  new Map(skipped.map((file) => [file.path, file]))
