import type { Language, OutlineItem } from '../records/index.js'
import { importsOfPython } from './imports-python.js'
import { importsOfScript } from './imports-script.js'
import { headComment } from './outline-items.js'
import { firstParagraph, outlineByHeadings, outlineByLines, outlineByUnderlines } from './outline-lines.js'
import { docstringOf, outlineOfPython } from './outline-python.js'
import { outlineOfScript } from './outline-script.js'
import { cutAtSentence, proseOfDocstring } from './prose.js'
import type { RawImport } from './raw-import.js'
import { SourceText } from './source-text.js'
import { withoutGrammarGaps } from './grammar-gaps.js'
import { childrenOf, withTree, type SourceLanguage } from './syntax.js'

/** A file for the parser; crosses threads. */
export interface ParseRequest {
  path: string
  language: Language
  text: string
  /** Longer texts, in UTF-16 units, keep a line outline. */
  maxParseChars: number
  /** Levels of an outline; members below them are left out. */
  maxOutlineDepth: number
}

/** What a file holds, before its imports are resolved. */
export interface ParsedFile {
  outlineFrom: 'syntax-tree' | 'lines'
  parseNote: string
  doc: string
  outline: OutlineItem[]
  imports: RawImport[]
}

/** Outlines one file. Never fails: what cannot be parsed keeps a line outline and a note. */
export async function parseFile(request: ParseRequest): Promise<ParsedFile> {
  const source = new SourceText(request.text)
  const { language } = request
  if (language === 'text') return outlineText(request.path, source)
  if (request.text.length > request.maxParseChars) {
    return withLines(
      source,
      `${request.text.length} characters, over the bound of ${request.maxParseChars} for the parser (maxParseBytes)`,
    )
  }
  try {
    return await parseWithRepairs(language, request, source)
  } catch {
    return withLines(source, `the ${language} parser failed on it`)
  }
}

/** Parses as the language, then without the grammar's gaps, then JavaScript as TSX, whose grammar knows more. */
async function parseWithRepairs(
  language: SourceLanguage,
  { text, maxOutlineDepth }: ParseRequest,
  source: SourceText,
): Promise<ParsedFile> {
  const parsed = await parseSource(language, text, source, maxOutlineDepth)
  if (parsed.outlineFrom === 'syntax-tree' || language === 'python') return parsed
  const patched = withoutGrammarGaps(text)
  const attempts: [SourceLanguage, string][] = patched === text ? [] : [[language, patched]]
  if (language === 'javascript') attempts.push(['tsx', patched])
  for (const [grammar, seen] of attempts) {
    const again = await parseSource(grammar, seen, source, maxOutlineDepth)
    if (again.outlineFrom === 'syntax-tree') return { ...again, imports: joinImports(again.imports, parsed.imports) }
  }
  return parsed
}

/** The patched text hides `import('a')`, which the tree of the file's own text has in spite of its errors. */
function joinImports(repaired: readonly RawImport[], broken: readonly RawImport[]): RawImport[] {
  const known = new Set(repaired.map((one) => one.specifier))
  return [...repaired, ...broken.filter((one) => !known.has(one.specifier))]
}

/** @param text what the parser sees; as long as the source's own text, which all names and signatures come from */
function parseSource(
  language: SourceLanguage,
  text: string,
  source: SourceText,
  maxOutlineDepth: number,
): Promise<ParsedFile> {
  return withTree(language, text, ({ rootNode }) => {
    const imports = language === 'python' ? importsOfPython(rootNode) : importsOfScript(rootNode)
    if (rootNode.hasError) return { ...withLines(source, `it does not parse as ${language}`), imports }
    const top = childrenOf(rootNode)
    const docstring = language === 'python' ? docstringOf(rootNode) : null
    return {
      outlineFrom: 'syntax-tree' as const,
      parseNote: '',
      doc: docstring === null ? headComment(top, source) : proseOfDocstring(docstring),
      outline:
        language === 'python'
          ? outlineOfPython(rootNode, source, maxOutlineDepth)
          : outlineOfScript(rootNode, source, maxOutlineDepth),
      imports,
    }
  })
}

function withLines(source: SourceText, parseNote: string): ParsedFile {
  return { outlineFrom: 'lines', parseNote, doc: '', outline: outlineByLines(source), imports: [] }
}

function outlineText(path: string, source: SourceText): ParsedFile {
  const outlineOf = /\.(md|markdown|mdx)$/i.test(path)
    ? outlineByHeadings
    : /\.rst$/i.test(path)
      ? outlineByUnderlines
      : outlineByLines
  return {
    outlineFrom: 'lines',
    parseNote: 'no grammar for this kind of file',
    doc: /\.(md|markdown|mdx|rst|txt)$/i.test(path) ? firstParagraph(source.text) : descriptionIn(path, source.text),
    outline: outlineOf(source),
    imports: [],
  }
}

function descriptionIn(path: string, text: string): string {
  if (!/(^|\/)package\.json$/.test(path)) return ''
  try {
    const value: unknown = JSON.parse(text)
    const description = (value as { description?: unknown } | null)?.description
    return typeof description === 'string' ? cutAtSentence(description) : ''
  } catch {
    return ''
  }
}
