import type { SkippedFile } from '../../records/index.js'
import type { CandidateFile } from '../selection/candidate-file.js'

/** The content of an input before selection: a folder, an archive or a commit of git. */
export interface RepositoryInput {
  kind: 'folder' | 'archive' | 'git'
  /** The commit that was read; `null` where there is none. */
  commit: string | null
  /** The name of the repository where no manifest states one. */
  name: string
  /** Whether the title of the README is a better name: the folder of a bare clone may have any name. */
  prefersReadmeTitle: boolean
  /** The name under which Python code imports the root, where the root itself is a package. */
  packageName: string
  entries: CandidateFile[]
  skipped: SkippedFile[]
  /** Frees what reading the entries needed; they cannot be read afterwards. */
  dispose?(): void
}

const genericNames = new Set(['src', 'lib', 'source', 'sources', 'package', 'dist', 'code', 'ts', 'js', 'py'])

/** A name from the last parts of a path: `zod-src` for `.../zod/src`. */
export function nameFromPath(parts: readonly string[]): string {
  const last = parts.at(-1) ?? ''
  const before = parts.at(-2)
  return genericNames.has(last.toLowerCase()) && before !== undefined && before !== '' ? `${before}-${last}` : last
}
