import { z } from 'zod'
import { digestSchema } from '../core/index.js'

/** The name of a language; `text` for a file without a grammar. Grounding has the table of languages. */
const languageSchema = z.string().regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)

const outlineBase = z.strictObject({
  kind: z.enum([
    'class',
    'struct',
    'interface',
    'trait',
    /** Methods added to a type from outside: Rust's `impl`, Swift's `extension`. */
    'extension',
    'function',
    'method',
    'property',
    'type',
    'enum',
    'variable',
    'namespace',
    'module',
    'macro',
    'export',
    'section',
  ]),
  name: z.string(),
  /** The declaration up to its body, white space folded to single spaces. */
  signature: z.string(),
  /** The doc comment as plain prose: comment marks, tags and indentation removed. Empty where there is none. */
  doc: z.string(),
  /** Bytes `[start, end)` in the file, the doc comment and decorators included. */
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  exported: z.boolean(),
})

/** A declaration of a file. `section` is an item of a line outline: a run of lines with its first line as the name. */
export interface OutlineItem extends z.infer<typeof outlineBase> {
  /** Members, in order of `start`. */
  children: OutlineItem[]
}

const outlineItemSchema: z.ZodType<OutlineItem> = outlineBase.extend({
  get children(): z.ZodArray<z.ZodType<OutlineItem>> {
    return z.array(outlineItemSchema)
  },
})

const importSchema = z.strictObject({
  /** As written in the code. */
  specifier: z.string(),
  /** The imported names, as the module calls them; `*` for the whole module, `default` for the default export. */
  names: z.array(z.string()),
  target: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('file'), path: z.string() }),
    z.strictObject({ kind: z.literal('external'), package: z.string() }),
    z.strictObject({ kind: z.literal('unresolved'), reason: z.string() }),
  ]),
})
export type ImportRecord = z.infer<typeof importSchema>

export const fileRecordSchema = z.strictObject({
  /** Relative to the root, `/` between parts, NFC as found. */
  path: z.string(),
  blob: digestSchema,
  sizeBytes: z.int().nonnegative(),
  lines: z.int().nonnegative(),
  language: languageSchema,
  /** `lines` where the language has no grammar here or the file does not parse; `parseNote` then says which. */
  outlineFrom: z.enum(['syntax-tree', 'lines']),
  parseNote: z.string(),
  /** The file's own description before its first declaration, as plain prose. Empty where there is none. */
  doc: z.string(),
  outline: z.array(outlineItemSchema),
  imports: z.array(importSchema),
})
export type FileRecord = z.infer<typeof fileRecordSchema>

const skipReasons = [
  'binary',
  'invalid-utf8',
  'oversized',
  'generated',
  'vendored',
  'symlink',
  'not-a-file',
  'too-deep',
  'too-many-files',
  'unreadable',
  'secret',
  'unsupported',
] as const

const skippedFileSchema = z.strictObject({
  path: z.string(),
  reason: z.enum(skipReasons),
  /** One line for a person, with figures where there are any. */
  detail: z.string(),
})
export type SkippedFile = z.infer<typeof skippedFileSchema>

const importCountsSchema = z.strictObject({ file: z.int(), external: z.int(), unresolved: z.int() })
export type ImportCounts = z.infer<typeof importCountsSchema>

/** A repository as grounding read it: record out of `grounding`, record into `synthesis`. */
export const snapshotSchema = z.strictObject({
  schemaVersion: z.literal(2),
  /** Safe as a file name; the same content under the same name has the same id. */
  id: z.string(),
  name: z.string(),
  /** `commit`: the id of the commit that was read, of a git repository; `null` for what has none. */
  source: z.strictObject({
    kind: z.enum(['folder', 'archive', 'git']),
    digest: digestSchema,
    commit: z.string().nullable(),
  }),
  /** The repository's own description in its manifest (package.json, Cargo.toml, ...) or README. Empty where there is none. */
  about: z.strictObject({ title: z.string(), summary: z.string(), keywords: z.array(z.string()) }),
  /** An SPDX expression for the whole repository, empty where no file has one, and the files that it is taken from. */
  licence: z.strictObject({
    expression: z.string(),
    evidence: z.array(z.strictObject({ path: z.string(), expression: z.string(), from: z.enum(['manifest', 'text']) })),
  }),
  /** In code-unit order of `path`. */
  files: z.array(fileRecordSchema),
  skipped: z.array(skippedFileSchema),
  /** Every dependency `[from, to]` between two files, sorted, no repeats, no self-loops. */
  dependencies: z.array(z.tuple([z.string(), z.string()])),
  /** Strongly connected components, each sorted, in implementation order: a component comes after what it depends on. */
  components: z.array(z.array(z.string()).min(1)),
  /** Every file once, in the order in which to write them. */
  order: z.array(z.string()),
  importCounts: importCountsSchema,
  /** The same by language of the importing file; languages without an import are left out. */
  importCountsByLanguage: z.record(languageSchema, importCountsSchema),
})
export type RepositorySnapshot = z.infer<typeof snapshotSchema>
