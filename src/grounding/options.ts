import { z } from 'zod'

const KIB = 1024
const MIB = 1024 * KIB

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
})

export type GroundingOptions = z.infer<typeof groundingOptionsSchema>
