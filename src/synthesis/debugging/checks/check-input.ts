import type { ImportRecord } from '../../../records/index.js'
import type { Disk } from '../../disk.js'
import type { FileExports } from '../file-exports.js'
import type { KnownCall } from '../known-calls.js'
import type { Names } from '../names.js'
import type { Source } from '../source.js'

/** What a check may look at: the checked file, the files written so far, and what was worked out once for all checks. */
export interface CheckInput {
  source: Source
  disk: Disk
  imports: readonly ImportRecord[]
  /** By path: what the imported files export. Files of which that is not known are left out. */
  exports: ReadonlyMap<string, FileExports>
  /** `null` for languages whose names cannot be told from one file. */
  names: Names | null
  calls: readonly KnownCall[]
}
