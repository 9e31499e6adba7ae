import { counted } from '../counted.js'
import type { ParsedFile } from '../languages/parsed-file.js'
import type { RawImport } from '../languages/raw-import.js'
import type { LanguageSupport } from '../languages/support.js'
import { rowOf } from '../languages/table.js'
import { objectOf } from '../manifests/json-object.js'
import { firstParagraph, outlineByHeadings, outlineByLines, outlineByUnderlines } from '../outline/lines.js'
import { cutAtSentence } from '../outline/text.js'
import { SourceText } from '../syntax/source-text.js'
import type { ParseRequest } from './parse-request.js'
import { withTree } from './parser.js'

/** Outlines one file. Never fails: a file that cannot be parsed gets a line outline and a note. */
export async function parseFile(request: ParseRequest): Promise<ParsedFile> {
  const source = new SourceText(request.text)
  const { language } = request
  if (language === 'text') return outlineText(request.path, source)
  if (request.text.length > request.maxParseChars) {
    const length = counted(request.text.length, 'character')
    return withLines(source, `${length}, over the bound of ${request.maxParseChars} for the parser (maxParseBytes)`)
  }
  try {
    return await parseWithRepairs(rowOf(language).support, request, source)
  } catch {
    return withLines(source, `the ${language} parser failed on it`)
  }
}

/** Parses the text, then the language's repairs of it for syntax that the grammar does not know. */
async function parseWithRepairs(
  support: LanguageSupport,
  { text, language, maxOutlineDepth }: ParseRequest,
  source: SourceText,
): Promise<ParsedFile> {
  const note = `it does not parse as ${language}`
  const prepared = support.prepare?.(text) ?? text
  const parsed = await parseSource(support, support.grammar, prepared, source, maxOutlineDepth, note)
  if (parsed.parseNote === '') return parsed
  for (const repair of support.repairs?.(prepared) ?? []) {
    const again = await parseSource(support, repair.grammar, repair.text, source, maxOutlineDepth, note)
    if (again.parseNote === '') return { ...again, imports: joinImports(again.imports, parsed.imports) }
  }
  return parsed
}

/** Adds imports of the broken tree: a repaired text hides `import('a')`, which the tree of the original text has. */
function joinImports(repaired: readonly RawImport[], broken: readonly RawImport[]): RawImport[] {
  const known = new Set(repaired.map((raw) => raw.specifier))
  return [...repaired, ...broken.filter((raw) => !known.has(raw.specifier))]
}

/** @param text the text for the parser, as long as the source's own text, from which all names and signatures come */
function parseSource(
  support: LanguageSupport,
  grammar: string,
  text: string,
  source: SourceText,
  maxOutlineDepth: number,
  note: string,
): Promise<ParsedFile> {
  return withTree(grammar, text, ({ rootNode }) => {
    const facts = {
      imports: support.imports(rootNode),
      scope: support.scope?.(rootNode) ?? '',
      references: support.references?.(rootNode) ?? [],
    }
    const isBroken = rootNode.hasError
    const outline = isBroken && !support.outlinesBroken ? [] : support.outline(rootNode, source, maxOutlineDepth)
    if (isBroken && outline.length === 0) return { ...withLines(source, note), ...facts }
    return {
      outlineFrom: 'syntax-tree' as const,
      parseNote: isBroken ? `${note} throughout; its outline lacks what could not be read` : '',
      doc: support.doc(rootNode, source),
      outline,
      ...facts,
    }
  })
}

const noFacts = { imports: [], scope: '', references: [] }

function withLines(source: SourceText, parseNote: string): ParsedFile {
  return { ...noFacts, outlineFrom: 'lines', parseNote, doc: '', outline: outlineByLines(source) }
}

function outlineText(path: string, source: SourceText): ParsedFile {
  const outlineOf = /\.(md|markdown|mdx)$/i.test(path)
    ? outlineByHeadings
    : /\.rst$/i.test(path)
      ? outlineByUnderlines
      : outlineByLines
  return {
    ...noFacts,
    outlineFrom: 'lines',
    parseNote: 'no grammar for this kind of file',
    doc: /\.(md|markdown|mdx|rst|txt)$/i.test(path) ? firstParagraph(source.text) : descriptionIn(path, source.text),
    outline: outlineOf(source),
  }
}

function descriptionIn(path: string, text: string): string {
  if (!/(^|\/)package\.json$/.test(path)) return ''
  try {
    const { description } = objectOf(JSON.parse(text))
    return typeof description === 'string' ? cutAtSentence(description) : ''
  } catch {
    return ''
  }
}
