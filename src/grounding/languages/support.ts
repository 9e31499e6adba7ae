import type { Node } from 'web-tree-sitter'
import type { ImportRecord, OutlineItem, SkippedFile } from '../../records/index.js'
import type { ParsedFile } from '../parsing/parse-file.js'
import type { RawImport } from './raw-import.js'
import type { SourceText } from '../syntax/source-text.js'

/** What grounding has to know of a language: how to read one file of it. Runs in the threads that parse. */
export interface LanguageSupport {
  /** The grammar's file, as a module path; not loaded before the first file of the language. */
  grammar: string
  /** What the file says of itself before its first declaration, as plain prose. Empty where it says nothing. */
  doc(root: Node, source: SourceText): string
  /** Declarations with their byte ranges; members below `maxDepth` levels are left out. */
  outline(root: Node, source: SourceText, maxDepth: number): OutlineItem[]
  /** Also called where the tree has errors. */
  imports(root: Node): RawImport[]
  /** The package or namespace that the file says it belongs to; empty where it says none. */
  scope?(root: Node): string
  /**
   * Names that the file uses and does not declare, where files of one package see each other without an import: each
   * once, sorted, at most `maxReferences`.
   */
  references?(root: Node): string[]
  /**
   * What the parser sees in place of the text, for a language whose files are read through a preprocessor that the
   * grammar does not have; every position stays where it is.
   */
  prepare?(text: string): string
  /** Whether a tree with errors still gives an outline: of all that stands outside of what could not be read. */
  outlinesBroken?: boolean
  /** Other grammars and texts to try, in turn, where the text does not parse; every position stays where it is. */
  repairs?(text: string): { grammar: string; text: string }[]
}

/** Bound on the names of `references`: a file that uses more is of no help in finding what it needs. */
export const maxReferences = 512

/** What finding the file behind an import may look at. */
export interface ResolveContext {
  /** Content of every kept file by path, in code-unit order of the paths. */
  texts: ReadonlyMap<string, string>
  parsed: ReadonlyMap<string, ParsedFile>
  /** The name under which code imports the root, should the root itself be a package. */
  packageName: string
  skipped: readonly SkippedFile[]
}

/** Finds the files that an import means: one record per file, since one import may take from several. */
export interface Resolver {
  resolve(from: string, raw: RawImport): ImportRecord[]
  /** Files of the same package whose declarations `references` name; each a record with the names. None by default. */
  neighbours?(from: string, references: readonly string[]): ImportRecord[]
}
