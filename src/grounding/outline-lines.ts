import type { OutlineItem } from '../records/index.js'
import { cutAt, fold, plainProse, proseOfParagraph, signatureOf } from './prose.js'
import type { SourceText } from './source-text.js'

const MAX_NAME_CHARS = 80

interface Line {
  start: number
  /** After the line end. */
  end: number
  text: string
}

/**
 * The outline of a text without a syntax tree: a section begins at a line that is not indented and follows a blank
 * line, and ends with its last line that holds something.
 */
export function outlineByLines(source: SourceText): OutlineItem[] {
  const starts: number[] = []
  const lines = linesOf(source.text)
  for (const [at, line] of lines.entries()) {
    if (line.text.trim() === '') continue
    const isFirst = starts.length === 0
    const afterBlank = at > 0 && lines[at - 1]?.text.trim() === ''
    if (isFirst || (afterBlank && !/^[\s)\]}]/.test(line.text))) starts.push(at)
  }
  return sections(source, lines, starts, (first) => first.text)
}

/** The outline of Markdown: one section per heading; what stands before the first heading is a section too. */
export function outlineByHeadings(source: SourceText): OutlineItem[] {
  const lines = linesOf(source.text)
  const starts: number[] = []
  let fence = ''
  for (const [at, line] of lines.entries()) {
    const mark = /^ {0,3}(```+|~~~+)/.exec(line.text)?.[1]?.slice(0, 3)
    if (mark !== undefined) fence = fence === '' ? mark : fence === mark ? '' : fence
    if (fence !== '' || mark !== undefined) {
      if (starts.length === 0) starts.push(at)
      continue
    }
    const underlined = /^(=+|-{3,})\s*$/.test(lines[at + 1]?.text ?? '') && /^\S/.test(line.text)
    const isHeading = /^ {0,3}#{1,6}\s+\S/.test(line.text) || underlined
    if (isHeading || (starts.length === 0 && line.text.trim() !== '')) starts.push(at)
  }
  return sections(source, lines, starts, headingOf, firstParagraph)
}

function headingOf(line: Line): string {
  const heading = line.text.replace(/^\s*#+\s*|\s*#+\s*$/g, '')
  return plainProse(heading.replace(/!\[([^\]]*)\]\([^)]*\)/g, '$1')) || heading
}

/** The first paragraph of prose, without headings, badges and code. */
export function firstParagraph(text: string): string {
  const body = text
    .replace(/^\s*---\n[\s\S]*?\n---\n/, '')
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1.*$/gm, '')
  for (const paragraph of body.split(/\r?\n[ \t]*\r?\n/)) {
    const lines = paragraph
      .split('\n')
      .filter((line) => !/^ {0,3}#{1,6}\s|^\s*[=-]{3,}\s*$|^\s*\.\. |^\s*[-*_]{3,}\s*$/.test(line))
    const prose = proseOfParagraph(lines.join('\n').replace(/\[!\[[\s\S]*?\]\([^)]*\)\]\([^)]*\)/g, ''))
    // A list, a table, a quote or a row of links is no paragraph.
    if (/^[\s*|>-]| \| .* \| /.test(prose) || !/[a-z]{2}.*\s.*[a-z]{2}/i.test(prose)) continue
    return prose
  }
  return ''
}

function sections(
  source: SourceText,
  lines: readonly Line[],
  starts: readonly number[],
  nameOf: (first: Line) => string,
  docOf: (text: string) => string = () => '',
): OutlineItem[] {
  return starts.map((first, order) => {
    let last = (starts[order + 1] ?? lines.length) - 1
    while (last > first && lines[last]?.text.trim() === '') last--
    const [firstLine, lastLine] = [lines[first] as Line, lines[last] as Line]
    return {
      kind: 'section' as const,
      name: cutAt(fold(nameOf(firstLine)), MAX_NAME_CHARS),
      signature: signatureOf(firstLine.text),
      doc: docOf(source.slice(firstLine.end, lastLine.end)),
      start: source.byteAt(firstLine.start),
      end: source.byteAt(lastLine.end),
      exported: false,
      children: [],
    }
  })
}

function linesOf(text: string): Line[] {
  const lines: Line[] = []
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline + 1
    lines.push({ start, end, text: text.slice(start, newline < 0 ? end : newline) })
    start = end
  }
  return lines
}
