import { z } from 'zod'
import { isLicenceId } from './licence/expression.js'

const kib = 1024
const mib = 1024 * kib

const licenceId = z
  .string()
  .refine(isLicenceId, { error: 'is no single SPDX licence id, as MIT or Apache-2.0 or GPL-2.0-or-later' })

/** What grounding reads of a repository. The snapshot's `skipped` lists everything that a bound leaves out. */
export const groundingOptionsSchema = z.strictObject({
  /** Largest source file that is kept, in bytes. */
  maxFileSizeBytes: z
    .int()
    .positive()
    .default(256 * kib),
  /** Largest file of any other text that is kept, in bytes. */
  maxTextSizeBytes: z
    .int()
    .positive()
    .default(64 * kib),
  /** Largest source file that goes through the parser, in bytes; a larger one keeps a line outline. */
  maxParseBytes: z
    .int()
    .positive()
    .default(256 * kib),
  /** Levels of an outline; members below them are left out of it. */
  maxOutlineDepth: z.int().positive().default(16),
  /** Content of all kept files together, in bytes. */
  maxTotalBytes: z
    .int()
    .positive()
    .default(256 * mib),
  /** Kept files; the first ones in order of path stay. */
  maxFiles: z.int().positive().default(5_000),
  /** Files, links and folders that are visited, kept or not, before the walk stops. */
  maxEntries: z.int().positive().default(200_000),
  /** Folders on the way from the root to a file. */
  maxDepth: z.int().positive().default(32),
  /** Unpacked size of an archive, in bytes; a larger archive is refused. */
  maxArchiveBytes: z
    .int()
    .positive()
    .default(1024 * mib),
  /** A file with a longer line, in characters, counts as generated. */
  maxLineChars: z.int().positive().default(5_000),
  /** What is read of a working tree of git: its commit, or its files. Of a bare repository, always the commit. */
  git: z.enum(['commit', 'worktree']).default('commit'),
  /** The longest time of one call of git, in milliseconds. */
  gitTimeoutMs: z.int().positive().default(120_000),
  /** `allow`: SPDX ids; a repository whose licence is unknown or not satisfied by them is rejected. `null` allows all. */
  licences: z.strictObject({ allow: z.array(licenceId).min(1).nullable().default(null) }).prefault({}),
  /**
   * Near-duplicates of earlier repositories; `false` does not search for them. A file is a near-duplicate from `threshold`
   * on (estimated Jaccard similarity of token 5-grams); a repository with more than `maxShare` of its source bytes in
   * such files is rejected.
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

/** Options as a config gives them: missing options get their defaults. */
export type GroundingOptionsGiven = z.input<typeof groundingOptionsSchema>
