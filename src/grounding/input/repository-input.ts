import type { SkippedFile } from '../../records/index.js'

/** A file of the input whose content has not been looked at. */
export interface InputEntry {
  /** Relative to the root, `/` between parts. */
  path: string
  sizeBytes: number
  /** Gives at most `bound` bytes and one more; `null` with the reason where it cannot be read. */
  read(bound: number): Uint8Array | { unreadable: string }
}

/** What a folder or an archive holds, before selection. */
export interface RepositoryInput {
  kind: 'folder' | 'archive' | 'git'
  /** The commit that was read; `null` where there is none. */
  commit: string | null
  /** The name where no manifest gives one. */
  name: string
  /** The name under which Python code imports the root, should the root itself be a package. */
  packageName: string
  entries: InputEntry[]
  skipped: SkippedFile[]
  /** Lets go of what reading the entries needed; they cannot be read afterwards. */
  dispose?(): void
}

const genericNames = new Set(['src', 'lib', 'source', 'sources', 'package', 'dist', 'code', 'ts', 'js', 'py'])

/** A name from the last parts of a path: `zod-src` for `.../zod/src`. */
export function nameFromPath(parts: readonly string[]): string {
  const last = parts.at(-1) ?? ''
  const before = parts.at(-2)
  return genericNames.has(last.toLowerCase()) && before !== undefined && before !== '' ? `${before}-${last}` : last
}
