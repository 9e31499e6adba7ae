import type { Language, OutlineItem } from '../../records/index.js'
import { firstParagraph, outlineByHeadings, outlineByLines, outlineByUnderlines } from '../outline/lines.js'
import type { LanguageSupport } from '../languages/support.js'
import { supportOf } from '../languages/table.js'
import { cutAtSentence } from '../outline/prose.js'
import type { RawImport } from '../languages/raw-import.js'
import { SourceText } from '../syntax/source-text.js'
import { withTree } from '../syntax/node.js'

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
  /** The package or namespace that the file says it belongs to. */
  scope: string
  /** Names that it may take from files of the same package. */
  references: string[]
}

/** Outlines one file. Never fails: what cannot be parsed keeps a line outline and a note. */
export async function parseFile(request: ParseRequest): Promise<ParsedFile> {
  const source = new SourceText(request.text)
  const { language } = request
  const support = language === 'text' ? undefined : supportOf(language)
  if (support === undefined) return outlineText(request.path, source)
  if (request.text.length > request.maxParseChars) {
    return withLines(
      source,
      `${request.text.length} characters, over the bound of ${request.maxParseChars} for the parser (maxParseBytes)`,
    )
  }
  try {
    return await parseWithRepairs(support, request, source)
  } catch {
    return withLines(source, `the ${language} parser failed on it`)
  }
}

/** Parses as the language, then with the language's repairs for what its grammar does not know. */
async function parseWithRepairs(
  support: LanguageSupport,
  { text, language, maxOutlineDepth }: ParseRequest,
  source: SourceText,
): Promise<ParsedFile> {
  const note = `it does not parse as ${language}`
  const seen = support.prepare?.(text) ?? text
  const parsed = await parseSource(support, support.grammar, seen, source, maxOutlineDepth, note)
  if (parsed.parseNote === '') return parsed
  for (const repair of support.repairs?.(seen) ?? []) {
    const again = await parseSource(support, repair.grammar, repair.text, source, maxOutlineDepth, note)
    if (again.parseNote === '') return { ...again, imports: joinImports(again.imports, parsed.imports) }
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
  support: LanguageSupport,
  grammar: string,
  text: string,
  source: SourceText,
  maxOutlineDepth: number,
  note: string,
): Promise<ParsedFile> {
  return withTree(grammar, text, ({ rootNode }) => {
    const meaning = {
      imports: support.imports(rootNode),
      scope: support.scope?.(rootNode) ?? '',
      references: support.references?.(rootNode) ?? [],
    }
    const isBroken = rootNode.hasError
    const outline = isBroken && !support.outlinesBroken ? [] : support.outline(rootNode, source, maxOutlineDepth)
    if (isBroken && outline.length === 0) return { ...withLines(source, note), ...meaning }
    return {
      outlineFrom: 'syntax-tree' as const,
      parseNote: isBroken ? `${note} throughout; its outline lacks what could not be read` : '',
      doc: support.doc(rootNode, source),
      outline,
      ...meaning,
    }
  })
}

const nothingMeant = { imports: [], scope: '', references: [] }

function withLines(source: SourceText, parseNote: string): ParsedFile {
  return { ...nothingMeant, outlineFrom: 'lines', parseNote, doc: '', outline: outlineByLines(source) }
}

function outlineText(path: string, source: SourceText): ParsedFile {
  const outlineOf = /\.(md|markdown|mdx)$/i.test(path)
    ? outlineByHeadings
    : /\.rst$/i.test(path)
      ? outlineByUnderlines
      : outlineByLines
  return {
    ...nothingMeant,
    outlineFrom: 'lines',
    parseNote: 'no grammar for this kind of file',
    doc: /\.(md|markdown|mdx|rst|txt)$/i.test(path) ? firstParagraph(source.text) : descriptionIn(path, source.text),
    outline: outlineOf(source),
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
