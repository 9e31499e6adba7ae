// Every record that crosses a stage: its zod schema, its type and its schemaVersion, and the segments that a
// trajectory renders to. Stages meet here and nowhere else.
// To add a record: one file with schema and type, and its name below.
export { blobSpanSchema, digestSchema, type BlobSpan } from './span.js'
export {
  fileRecordSchema,
  importSchema,
  languages,
  outlineItemSchema,
  skipReasons,
  skippedFileSchema,
  snapshotSchema,
  type FileRecord,
  type ImportRecord,
  type Language,
  type OutlineItem,
  type RepositorySnapshot,
  type SkippedFile,
} from './snapshot.js'
export {
  actionSchema,
  episodeSchema,
  stepSchema,
  thoughtSchema,
  trajectorySchema,
  type Action,
  type Episode,
  type Step,
  type Thought,
  type Trajectory,
} from './trajectory.js'
export { headerParts, type HeaderParts } from './header-parts.js'
export type { RenderedStep, Renderer, Segment, SegmentOrigin, SpanReader } from './segment.js'
export { candidateSchema, searchRowSchema, type Candidate, type Leak, type SearchRow } from './search.js'
export { domainTotalsSchema, shardManifestSchema, type ShardManifest } from './manifest.js'
