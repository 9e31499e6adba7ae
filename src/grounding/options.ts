import { z } from 'zod'
import { isLicenceId } from './licence/expression.js'

const kib = 1024
const mib = 1024 * kib

const licenceId = z
  .string()
  .refine(isLicenceId, { error: 'is no single SPDX licence id, as MIT or Apache-2.0 or GPL-2.0-or-later' })

/** What grounding reads of a repository. The snapshot's `skipped` lists everything that a bound leaves out. */
export const groundingOptionsSchema = z.strictObject({
  maxFileSizeBytes: z
    .int()
    .positive()
    .default(256 * kib)
    .meta({ description: 'Largest source file that is kept.', unit: 'bytes' }),
  maxTextSizeBytes: z
    .int()
    .positive()
    .default(64 * kib)
    .meta({ description: 'Largest file of any other text that is kept.', unit: 'bytes' }),
  maxParseBytes: z
    .int()
    .positive()
    .default(256 * kib)
    .meta({
      description: 'Largest source file that goes through the parser; a larger one keeps a line outline.',
      unit: 'bytes',
    }),
  maxOutlineDepth: z
    .int()
    .positive()
    .default(16)
    .describe('Levels of an outline; members below them are left out of it.'),
  maxTotalBytes: z
    .int()
    .positive()
    .default(256 * mib)
    .meta({ description: 'Content of all kept files together.', unit: 'bytes' }),
  maxFiles: z.int().positive().default(5_000).describe('Kept files; the first ones in order of path stay.'),
  maxEntries: z
    .int()
    .positive()
    .default(200_000)
    .describe('Files, links and folders that are visited, kept or not, before the walk stops.'),
  maxDepth: z.int().positive().default(32).describe('Folders on the way from the root to a file.'),
  maxArchiveBytes: z
    .int()
    .positive()
    .default(1024 * mib)
    .meta({ description: 'Unpacked size of an archive; a larger archive is refused.', unit: 'bytes' }),
  maxLineChars: z
    .int()
    .positive()
    .default(5_000)
    .meta({ description: 'A file with a longer line counts as generated.', unit: 'characters' }),
  git: z
    .enum(['commit', 'worktree'])
    .default('commit')
    .describe(
      'What is read of a working tree of git: its commit, or its files. Of a bare repository, always the commit.',
    ),
  gitTimeoutMs: z
    .int()
    .positive()
    .default(120_000)
    .meta({ description: 'The longest time of one call of git.', unit: 'ms' }),
  licences: z
    .strictObject({
      allow: z
        .array(licenceId)
        .min(1)
        .nullable()
        .default(null)
        .describe('SPDX ids of the licences that are allowed; `null` allows all.'),
    })
    .prefault({})
    .describe('`allow`: SPDX ids; a repository whose licence is unknown or not satisfied by them is rejected.'),
  duplicates: z
    .union([
      z.literal(false),
      z.strictObject({
        threshold: z
          .number()
          .min(0.5)
          .max(1)
          .default(0.85)
          .describe('Estimated Jaccard similarity of token 5-grams from which two files are near-duplicates.'),
        maxShare: z
          .number()
          .min(0)
          .max(1)
          .default(0.8)
          .describe('Share of its source bytes in near-duplicates above which a repository is rejected.'),
      }),
    ])
    .prefault({})
    .describe(
      'Near-duplicates of earlier repositories; `false` does not look for them. A file is one from `threshold` (estimated Jaccard similarity of its token 5-grams) on; a repository with more than `maxShare` of its source bytes in such files is rejected.',
    ),
})

export type GroundingOptions = z.infer<typeof groundingOptionsSchema>

/** Options as a config gives them: missing options get their defaults. */
export type GroundingOptionsGiven = z.input<typeof groundingOptionsSchema>
