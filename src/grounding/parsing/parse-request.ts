import type { Language } from '../languages/table.js'

/** A file for the parser; passed between threads. */
export interface ParseRequest {
  path: string
  language: Language
  text: string
  /** Longer texts, in UTF-16 units, keep a line outline. */
  maxParseChars: number
  /** Levels of an outline; members below them are left out. */
  maxOutlineDepth: number
}
