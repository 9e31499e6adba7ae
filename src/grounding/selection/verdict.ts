import type { SkippedFile } from '../../records/index.js'

/** Why a file is skipped; `null` where it is kept. */
export type Verdict = Pick<SkippedFile, 'reason' | 'detail'> | null
