import type { OutlineItem } from '../../records/index.js'
import type { RawImport } from './raw-import.js'

/** The content of a file, before its imports are resolved. */
export interface ParsedFile {
  outlineFrom: 'syntax-tree' | 'lines'
  /** Why the file has only a line outline, or lacks parts of its outline; empty where it parsed. */
  parseNote: string
  /** The description of the file, as plain prose. */
  doc: string
  outline: OutlineItem[]
  imports: RawImport[]
  /** The package or namespace that the file declares. */
  scope: string
  /** Names that the file may take from files of the same package. */
  references: string[]
}
