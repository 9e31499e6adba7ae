import { z } from 'zod'
import { isLicenceId } from './licence/expression.js'

const KIB = 1024
const MIB = 1024 * KIB

const licenceId = z
  .string()
  .refine(isLicenceId, { error: 'is no single SPDX licence id, as MIT or Apache-2.0 or GPL-2.0-or-later' })

/** What grounding reads of a repository. What a bound leaves out is listed in the snapshot's `skipped`. */
export const groundingOptionsSchema = z.strictObject({
  /** Largest source file that is kept, in bytes. */
  maxFileSizeBytes: z
    .int()
    .positive()
    .default(256 * KIB),
  /** Largest file of any other text that is kept, in bytes. */
  maxTextSizeBytes: z
    .int()
    .positive()
    .default(64 * KIB),
  /** Largest source file that goes through the parser, in bytes; a larger one keeps a line outline. */
  maxParseBytes: z
    .int()
    .positive()
    .default(256 * KIB),
  /** Levels of an outline; members below them are left out of it. */
  maxOutlineDepth: z.int().positive().default(16),
  /** Content of all kept files together, in bytes. */
  maxTotalBytes: z
    .int()
    .positive()
    .default(256 * MIB),
  /** Kept files; the first ones in order of path stay. */
  maxFiles: z.int().positive().default(5_000),
  /** Files, links and folders looked at, kept or not, before the walk stops. */
  maxEntries: z.int().positive().default(200_000),
  /** Folders on the way from the root to a file. */
  maxDepth: z.int().positive().default(32),
  /** What an archive may unpack to, in bytes; one that holds more is refused. */
  maxArchiveBytes: z
    .int()
    .positive()
    .default(1024 * MIB),
  /** A file with a longer line, in characters, counts as generated. */
  maxLineChars: z.int().positive().default(5_000),
  /** Of a working tree of git: its commit, or the files as they lie there. A bare repository has its commit alone. */
  git: z.enum(['commit', 'worktree']).default('commit'),
  /** How long one call of git may take, in milliseconds. */
  gitTimeoutMs: z.int().positive().default(120_000),
  /** `allow`: SPDX ids; a repository whose licence is unknown or not satisfied by them is rejected. `null` takes all. */
  licences: z.strictObject({ allow: z.array(licenceId).min(1).nullable().default(null) }).prefault({}),
  /**
   * Near-duplicates of earlier repositories; `false` does not look for them. A file is one from `threshold` (estimated
   * Jaccard similarity of its token 5-grams) on; a repository with more than `maxShare` of its source bytes in such
   * files is rejected.
   */
  duplicates: z
    .union([
      z.literal(false),
      z.strictObject({
        threshold: z.number().min(0.5).max(1).default(0.85),
        maxShare: z.number().min(0).max(1).default(0.8),
      }),
    ])
    .prefault({}),
})

export type GroundingOptions = z.infer<typeof groundingOptionsSchema>

/** Options as a config gives them: what is left out takes its default. */
export type GroundingOptionsGiven = z.input<typeof groundingOptionsSchema>
