import type { OutlineItem } from '../../records/index.js'
import type { SourceText } from '../syntax/source-text.js'
import { plainProse, proseOfParagraph, withoutReferences } from './prose.js'
import { signatureOf } from './signature.js'
import { beginningOf, cutAt, fold } from './text.js'

const maxNameChars = 80

interface Line {
  start: number
  /** After the line end. */
  end: number
  text: string
}

/**
 * The outline of a text without a syntax tree: a section begins at a line that is not indented and follows a blank
 * line, and ends with its last line that is not blank.
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
  return sections(source, lines, starts, (at) => lines[at]?.text ?? '')
}

/** The outline of Markdown: one section for each heading after the front matter. */
export function outlineByHeadings(source: SourceText): OutlineItem[] {
  const lines = linesOf(source.text)
  const starts: number[] = []
  let fence = ''
  for (let at = linesOfFrontMatter(source.text); at < lines.length; at++) {
    const { text } = lines[at] as Line
    const mark = /^ {0,3}(```+|~~~+)/.exec(text)?.[1]?.slice(0, 3)
    if (mark !== undefined) fence = fence === '' ? mark : fence === mark ? '' : fence
    if (fence !== '' || mark !== undefined) continue
    const isUnderlined = /^(=+|-{3,})\s*$/.test(lines[at + 1]?.text ?? '') && /^[^\s>|<#*+-]/.test(text)
    const isHeading = /^ {0,3}#{1,6}\s+\S/.test(text) || isUnderlined
    if (isHeading && /[\p{L}\p{N}]/u.test(headingOf(text))) starts.push(at)
  }
  return sections(source, lines, starts, (at) => headingOf(lines[at]?.text ?? ''), firstParagraph)
}

/** The outline of reST: one section for each underlined title, including the line above the title if there is one. */
export function outlineByUnderlines(source: SourceText): OutlineItem[] {
  const lines = linesOf(source.text)
  const titleAt = new Map<number, number>()
  const isRule = (at: number): boolean => /^([=\-`:'"~^_*+#<>.])\1{2,}\s*$/.test(lines[at]?.text ?? '')
  for (const [at, { text }] of lines.entries()) {
    const overlined = isRule(at - 1) && lines[at - 1]?.text === lines[at + 1]?.text
    const stands = overlined || (/^\S/.test(text) && (lines[at - 1]?.text ?? '').trim() === '')
    const isLong = (lines[at + 1]?.text.trimEnd().length ?? 0) >= text.trim().length
    if (stands && isLong && isRule(at + 1) && /[\p{L}\p{N}]/u.test(text) && !/^\.\. /.test(text)) {
      titleAt.set(overlined ? at - 1 : at, at)
    }
  }
  const nameOf = (at: number): string => plainProse(lines[titleAt.get(at) as number]?.text ?? '')
  return sections(source, lines, [...titleAt.keys()], nameOf, firstParagraph)
}

/** The number of lines of the settings block at the start of some Markdown; 0 where there is none. */
const linesOfFrontMatter = (text: string): number => (frontMatter.exec(text)?.[0].split('\n').length ?? 1) - 1

const frontMatter = /^\s*---\r?\n(?:[\s\S]*?\n)?---[ \t]*(?:\r?\n|$)/

function headingOf(line: string): string {
  const heading = beginningOf(line).replace(/^\s*#+\s*|\s*#+\s*$/g, '')
  return plainProse(withoutReferences(heading.replace(/!\[([^\]]{0,300})\]\([^)]{0,2000}\)/g, '$1')))
}

/** The first paragraph of prose in Markdown, reST or plain text, without headings, badges and code. */
export function firstParagraph(text: string): string {
  const body = text
    .replace(frontMatter, '')
    .replace(/^\S[^\n]*\n([=\-~^*#"'+`:.])\1{2,}[ \t]*\r?$/gm, '')
    .replace(/<!--[\s\S]*?(?:-->|$)/g, '')
    .replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1.*$/gm, '')
  for (const whole of paragraphsIn(body)) {
    const paragraph = beginningOf(whole)
    if (isIndented(paragraph)) continue
    const lines = paragraph
      .split('\n')
      .filter((line) => !/^ {0,3}#{1,6}\s|^\s*[=-]{3,}\s*$|^\s*\.\. |^\s*[-*_]{3,}\s*$/.test(line))
    const prose = proseOfParagraph(lines.join('\n').replace(badge, ''))
    // A list, a table, a quote or a row of links is no paragraph.
    if (/^[\s*|>-]| \| .* \| /.test(prose) || !/[a-z]{2}.*\s.*[a-z]{2}/i.test(prose)) continue
    return prose
  }
  return ''
}

/** The texts between blank lines, one at a time: most callers need only the first. */
function* paragraphsIn(text: string): Generator<string> {
  let start = 0
  for (const match of text.matchAll(/\r?\n[ \t]*\r?\n/g)) {
    yield text.slice(start, match.index)
    start = match.index + match[0].length
  }
  yield text.slice(start)
}

const badge = /\[!\[[^\]]{0,300}\]\([^)]{0,2000}\)\]\([^)]{0,2000}\)/g

/** Whether it is code in Markdown, or the content of a reST directive. */
const isIndented = (paragraph: string): boolean =>
  /^([ \t]*\n)*( {3,}|\t)[^\s<]/.test(paragraph) && !/^\S/m.test(paragraph)

function sections(
  source: SourceText,
  lines: readonly Line[],
  starts: readonly number[],
  nameOf: (first: number) => string,
  docOf: (text: string) => string = () => '',
): OutlineItem[] {
  return starts.map((first, order) => {
    let last = (starts[order + 1] ?? lines.length) - 1
    while (last > first && lines[last]?.text.trim() === '') last--
    const [firstLine, lastLine] = [lines[first] as Line, lines[last] as Line]
    return {
      kind: 'section' as const,
      name: cutAt(fold(nameOf(first)), maxNameChars),
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
