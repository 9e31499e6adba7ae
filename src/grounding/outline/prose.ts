import { beginningOf, cutAtSentence, fold } from './text.js'

/** Text without the markup of Markdown, reST and HTML, as one line; every paragraph ends as a sentence. */
export function plainProse(text: string): string {
  const shown = beforeDisplays(beginningOf(text))
  return joinParagraphs(paragraphsOf(anyMark.test(shown) ? withoutMarkup(shown) : shown))
}

/** The characters that all markup contains. Most comments have none of them, so most patterns need not run. */
const anyMark = /[`<[{@#*_]/

function withoutMarkup(text: string): string {
  return (
    text
      .replace(/```[\s\S]*?(```|$)/g, '\n\n')
      .replace(
        /\{@(?:link|linkcode|linkplain|see)\s{1,80}([^}|\s]{1,300})(?:[|\s]{1,80}([^}]{0,300}))?\}/g,
        (_whole, target: string, label?: string) => label?.trim() || target,
      )
      .replace(/(?<![ \t])[ \t]*(?<!\{)@see\b[^\n]*|(?<!`)[@#]__[A-Z_]+__/g, '')
      .replace(/\[([^\]]{1,300})\]\([^)]{0,2000}\)/g, '$1')
      .replace(/<\/?(?:p|ul|ol|li|div|h[1-6]|table|tr)(?:\s[^<>]*)?\/?>/gi, '\n\n')
      .replace(
        /<\/?(?:br|b|i|em|strong|code|pre|a|img|span|t[dh]|sup|sub|tt|hr|center|picture|source|kbd)(?:\s[^<>]*)?\/?>/gi,
        '',
      )
      .replace(/:(?:class|func|meth|mod|attr|exc|data|ref|term|obj):`~?([^`]*)`/g, '$1')
      // A quote as GNU writes it: `a'. Code between two backticks must not match: "`a` if it's".
      .replace(/(?<![\w`])`([^\s`']{1,40})'(?![\w`'])/g, '$1')
      .replace(/``?([^`\n]*)``?/g, '$1')
      .replace(/(\*\*)(?=\S)([^*\n]+?)(?<=\S)\1/g, '$2')
      .replace(/(?<!\w)__(?=\S)([^_\n]+ [^_\n]*?)(?<=\S)__(?!\w)/g, '$1')
      .replace(/(^|[\s(])\*(\w[^*\n]{0,40}?)\*(?=[\s).,;:!?]|$)/gm, '$1$2')
  )
}

/** The first line of a display: a table, a reST directive, or a line that announces example code. */
const display =
  /^[ \t]*(?:\.\. [\w:-]+::|\|.*\|[ \t]*$|\+[-=+]{3,}\+[ \t]*$|={3,}(?:[ \t]+={3,})+[ \t]*$|(?:basic |example )?(?:usage|examples?):{1,2}[ \t]*$)/im

/** The text before the first display or example code; where a display comes first, the text without its first line. */
function beforeDisplays(text: string): string {
  const at = text.search(display)
  const before = at < 0 ? text : text.slice(0, at)
  if (before.trim() === '') return text.replace(display, '')
  const code = startOfCode(before)
  if (code < 0) return before
  // The sentence that the code would complete is left out too.
  const lead = before.slice(0, code)
  const end = Math.max(0, ...[...lead.matchAll(/[.!?](?=\s)|\n(?=[ \t]*\n[ \t]*\S)/g)].map((match) => match.index + 1))
  return end === 0 ? lead : lead.slice(0, end)
}

/** The index at which a sentence stops for code: at `::`, or before lines that are indented more after a blank line; else -1. */
function startOfCode(text: string): number {
  const lines = text.split('\n')
  const indents = lines.slice(1).filter((line) => line.trim() !== '')
  // The first line of a docstring follows its quotes, so its indent says nothing.
  let indent = indents.reduce((least, line) => Math.min(least, indentOf(line)), Infinity)
  let isOpen = false
  let start = 0
  for (const [at, line] of lines.entries()) {
    const isBlank = line.trim() === ''
    const isDeeper = at > 0 && !isBlank && indentOf(line) > indent
    const afterBlank = at > 0 && lines[at - 1]?.trim() === ''
    if (isDeeper && afterBlank && isOpen && !listMark.test(line)) return start
    if (/::\s*$/.test(line)) return start + line.lastIndexOf('::')
    if (!isBlank) {
      isOpen = !/[.!?]\W*$/.test(line)
      if (at > 0) indent = indentOf(line)
    }
    start += line.length + 1
  }
  return -1
}

const indentOf = (line: string): number => line.search(/\S|$/)

const listMark = /^[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]+(?=\S)/

/** Splits at blank lines, at underlines and at the points of a list. */
function paragraphsOf(text: string): string[] {
  const lines = text.split(/\r?\n/)
  // One line that begins with a dash may continue a sentence; two such lines, or one after a colon, are a list.
  const hasList = lines.filter((line) => listMark.test(line)).length > 1
  const paragraphs = ['']
  let isFirst = true
  let previous = ''
  for (const line of lines) {
    const isRule = /^[ \t]*([-=*~#^])\1{2,}[ \t]*$/.test(line)
    const isPoint = listMark.test(line) && (hasList || /:\s*$/.test(previous))
    previous = line
    if (isRule || isPoint || line.trim() === '') paragraphs.push('')
    if (isRule) continue
    paragraphs[paragraphs.length - 1] += `${isPoint && !isFirst ? line.replace(listMark, '') : line}\n`
    isFirst &&= line.trim() === ''
  }
  return paragraphs.map(fold).filter((paragraph) => paragraph !== '')
}

/** Joins paragraphs to one line; a title or the point of a list gets the full stop that it lacks. */
function joinParagraphs(paragraphs: readonly string[]): string {
  return paragraphs
    .map((paragraph, at) => {
      const isOpen = at < paragraphs.length - 1 && /(?<![.!?:;,…])[\p{L}\p{N}_)\]}'"’”>*`/]$/u.test(paragraph)
      return isOpen ? `${paragraph}.` : paragraph
    })
    .join(' ')
}

/** A paragraph of Markdown or plain text as prose. */
export const proseOfParagraph = (text: string): string =>
  cutAtSentence(
    plainProse(
      withoutReferences(beginningOf(text).replace(/!\[[^\]]{0,300}\](\([^)]{0,2000}\)|\[[^\]]{0,300}\])/g, '')),
    ),
  )

/** Replaces Markdown's `[WSGI]` and `[Click][click docs]` by their text; code and an index such as `a[0]` stay. */
export const withoutReferences = (text: string): string =>
  text.replace(/(`[^`\n]*`)|(?<![\w\])])\[([^[\]\n]{2,})\](?:\[[^\]\n]*\])?(?![(:])/g, '$1$2')
