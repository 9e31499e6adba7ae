import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../records/index.js'
import type { SourceText } from '../syntax/source-text.js'
import type { RawImport } from './raw-import.js'

/** How to read one file of a language. Runs in the threads that parse. */
export interface LanguageSupport {
  /** The grammar's file, as a module path; loaded with the first file of the language. */
  grammar: string
  /** The description of the file before its first declaration, as plain prose. Empty where it has none. */
  doc(root: Node, source: SourceText): string
  /** Declarations with their byte ranges; members below `maxDepth` levels are left out. */
  outline(root: Node, source: SourceText, maxDepth: number): OutlineItem[]
  /** Also called where the tree has errors. */
  imports(root: Node): RawImport[]
  /** The package or namespace that the file declares; empty where it declares none. */
  scope?(root: Node): string
  /**
   * Names that the file uses and does not declare, where files of one package see each other without an import: each
   * once, sorted, at most `maxReferences`.
   */
  references?(root: Node): string[]
  /**
   * The text for the parser in place of the file's own, for a language with a preprocessor that the grammar does not
   * know; every position stays where it is.
   */
  prepare?(text: string): string
  /** Whether a tree with errors still gives an outline: of everything outside the parts that could not be read. */
  outlinesBroken?: boolean
  /** Other grammars and texts to try in turn where the text does not parse; every position stays where it is. */
  repairs?(text: string): { grammar: string; text: string }[]
}

/** The most names of `references`: a file that uses more gives no help in finding the files that it needs. */
export const maxReferences = 512
