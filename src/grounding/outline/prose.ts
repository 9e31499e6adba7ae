const MAX_DOC_CHARS = 600
const MAX_SIGNATURE_CHARS = 200
/** What is read for one doc or signature: far more than is shown, and few enough characters for every pattern. */
const MAX_READ_CHARS = 8_000

export const fold = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Whether the folded text has at most so many characters; of a long one only the beginning is folded. */
export function foldsWithin(text: string, maxChars: number): boolean {
  if (text.length <= maxChars) return true
  const beginning = fold(text.slice(0, 2 * maxChars))
  return beginning.length <= maxChars && fold(text).length <= maxChars
}

/** One line of code: white space folded, cut where it gets too long. */
export function signatureOf(code: string): string {
  return cutAt(fold(code), MAX_SIGNATURE_CHARS)
}

/** `signatureOf` without the comments between; a `//` comment folded into one line would hide what follows it. */
export const signatureOfScript = (code: string): string =>
  signatureOf(
    beginningOf(code).replace(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '$1'),
  )

export const signatureOfPython = (code: string): string =>
  signatureOf(beginningOf(code).replace(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|#[^\n]*/g, '$1'))

/** A declaration up to its value: without the `=` and a comment for the bundler. */
export const withoutAssignment = (code: string): string => {
  const tail = Math.max(0, code.length - 2_000)
  return code.slice(0, tail) + code.slice(tail).replace(/=\s*(\/\*[\s\S]*?\*\/\s*)?$/, '')
}

/** Cut at a word, with an ellipsis. */
export function cutAt(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const cut = text.slice(0, maxChars - 1)
  const space = cut.lastIndexOf(' ')
  return `${(space > maxChars / 2 ? cut.slice(0, space) : dropHalfPair(cut)).trimEnd()}…`
}

const dropHalfPair = (text: string): string => text.replace(/[\ud800-\udbff]$/, '')

/** As much of a text as patterns may work on. */
export const beginningOf = (text: string): string =>
  text.length <= MAX_READ_CHARS ? text : dropHalfPair(text.slice(0, MAX_READ_CHARS))

/** Cut at the end of a sentence, where there is one; else at a word. */
export function cutAtSentence(text: string, maxChars = MAX_DOC_CHARS): string {
  if (text.length <= maxChars) return text
  const end = text.slice(0, maxChars).search(/[.!?](?=\s[^.!?]*$)/)
  return end > maxChars / 4 ? text.slice(0, end + 1) : cutAt(text, maxChars)
}

/**
 * What a run of comments says: marks, tags and directives removed, white space folded.
 *
 * @param translate turns what a language has of its own in its doc comments into plain text or Markdown
 */
export function proseOfComments(all: readonly string[], translate = (text: string): string => text): string {
  const comments = all.filter((comment) => !isDirective(comment))
  if (comments.length === 0) return ''
  const text = docCommentsIn(comments)
    .map((comment) => withoutMarks(beginningOf(comment)))
    .join('\n')
  return cutAtSentence(plainProse(withoutTags(translate(beginningOf(text)))))
}

/** The last block of documentation, else the lines of it, else all. */
function docCommentsIn(comments: readonly string[]): readonly string[] {
  const blocks = comments.filter((comment) => comment.startsWith('/**'))
  if (blocks.length > 0) return blocks.slice(-1)
  const lines = comments.filter((comment) => /^\/\/\/(?!\/)/.test(comment))
  return lines.length > 0 ? lines : comments
}

/** What a Python docstring says, by its literal: prefix, quotes and sections of fields removed. */
export function proseOfDocstring(literal: string): string {
  const inner = beginningOf(literal)
    .replace(/^[a-zA-Z]*("""|'''|"|')/, '')
    .replace(/("""|'''|"|')$/, '')
  const unescaped = inner.replace(/\\\n/g, '').replace(/\\(["'\\])/g, '$1')
  const body = unescaped.split(
    /\n[ \t]*(?:(?:Args|Arguments|Parameters|Returns|Raises|Yields|Examples?)\s*:?\s*\n|:param |:return|>>>)/,
  )[0]
  return cutAtSentence(plainProse(body ?? ''))
}

function withoutMarks(comment: string): string {
  if (comment.startsWith('//'))
    return isDisabledCode(comment) ? '' : comment.replace(/^\/{2,}!?\s?|\s*\/{2,}$|\n$/g, '')
  if (comment.startsWith('#')) return comment.replace(/^#+:?\s?|\s*#{2,}$/g, '')
  const inner = comment.replace(/^\/\*+!?/, '').replace(/\*+\/$/, '')
  return inner.replace(/^[ \t]*\*(?!\*)[ \t]?/gm, '')
}

const isDisabledCode = (comment: string): boolean =>
  !/^\/\/[/!]/.test(comment) &&
  (/[;{}]\s*$/.test(comment) || /^\/\/\s*(import|export|const|return)\b.*[('"{]/.test(comment))

/** Doxygen writes its tags with a backslash as well. */
const doxygenTag =
  /^[ \t]*\\(?=(?:brief|details|param|t?param|returns?|file|internal|note|warning|since|see|sa|ref|ingroup|defgroup|addtogroup|class|struct|fn|name|author|version|date|deprecated|throws?|exception|retval|pre|post|todo)\b)/gm

/** Keeps the prose before the first block tag, or that of a tag whose text is the description. */
function withoutTags(text: string): string {
  const [before = '', ...tags] = text.replace(doxygenTag, '@').split(/^[ \t]*@(?=[a-zA-Z])/m)
  if (before.trim() !== '') return before
  const described = tags.find((tag) =>
    /^(description|desc|fileoverview|file|overview|summary|brief|remarks|deprecated)\b/i.test(tag),
  )
  return described === undefined ? '' : described.replace(/^\w+/, '')
}

/** Text without marks of Markdown, reST and HTML, in one line; what stood in paragraphs of its own ends as a sentence. */
export function plainProse(text: string): string {
  const shown = beforeDisplays(beginningOf(text))
  return joinParagraphs(paragraphsOf(anyMark.test(shown) ? withoutMarkup(shown) : shown))
}

/** A character that every mark has; most comments have none, and many patterns need not run over them. */
const anyMark = /[`<[{@#*_]/

function withoutMarkup(text: string): string {
  return (
    text
      .replace(/```[\s\S]*?(```|$)/g, '\n\n')
      .replace(
        /\{@(?:link|linkcode|linkplain|see)\s{1,80}([^}|\s]{1,300})(?:[|\s]{1,80}([^}]{0,300}))?\}/g,
        (_all, target: string, label?: string) => label?.trim() || target,
      )
      .replace(/(?<![ \t])[ \t]*(?<!\{)@see\b[^\n]*|(?<!`)[@#]__[A-Z_]+__/g, '')
      .replace(/\[([^\]]{1,300})\]\([^)]{0,2000}\)/g, '$1')
      .replace(/<\/?(?:p|ul|ol|li|div|h[1-6]|table|tr)(?:\s[^<>]*)?\/?>/gi, '\n\n')
      .replace(
        /<\/?(?:br|b|i|em|strong|code|pre|a|img|span|t[dh]|sup|sub|tt|hr|center|picture|source|kbd)(?:\s[^<>]*)?\/?>/gi,
        '',
      )
      .replace(/:(?:class|func|meth|mod|attr|exc|data|ref|term|obj):`~?([^`]*)`/g, '$1')
      // A quote in the manner of GNU, which code between two backticks must not be taken for: "`a` if it's".
      .replace(/(?<![\w`])`([^\s`']{1,40})'(?![\w`'])/g, '$1')
      .replace(/``?([^`\n]*)``?/g, '$1')
      .replace(/(\*\*)(?=\S)([^*\n]+?)(?<=\S)\1/g, '$2')
      .replace(/(?<!\w)__(?=\S)([^_\n]+ [^_\n]*?)(?<=\S)__(?!\w)/g, '$1')
      .replace(/(^|[\s(])\*(\w[^*\n]{0,40}?)\*(?=[\s).,;:!?]|$)/gm, '$1$2')
  )
}

/** A table, a directive of reST, or the line that leads over to example code. */
const display =
  /^[ \t]*(?:\.\. [\w:-]+::|\|.*\|[ \t]*$|\+[-=+]{3,}\+[ \t]*$|={3,}(?:[ \t]+={3,})+[ \t]*$|(?:basic |example )?(?:usage|examples?):{1,2}[ \t]*$)/im

/** What comes before the first display, be it a table or code, should anything come before it. */
function beforeDisplays(text: string): string {
  const at = text.search(display)
  const before = at < 0 ? text : text.slice(0, at)
  if (before.trim() === '') return text.replace(display, '')
  const code = startOfCode(before)
  if (code < 0) return before
  // The sentence that the code would end is left out with it.
  const lead = before.slice(0, code)
  const end = Math.max(0, ...[...lead.matchAll(/[.!?](?=\s)|\n(?=[ \t]*\n[ \t]*\S)/g)].map((match) => match.index + 1))
  return end === 0 ? lead : lead.slice(0, end)
}

/** The index at which a sentence breaks off for code: at `::`, or before deeper lines past a blank one; else -1. */
function startOfCode(text: string): number {
  const lines = text.split('\n')
  const indents = lines.slice(1).filter((line) => line.trim() !== '')
  // The first line of a docstring stands behind its quotes and has no indent of its own.
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

/** Splits at blank lines, underlines and the points of a list. */
function paragraphsOf(text: string): string[] {
  const lines = text.split(/\r?\n/)
  // A line that begins with a dash may as well go on with a sentence; two of them, or one after a colon, are a list.
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

/** One line; a full stop goes where a title or the point of a list has none. */
function joinParagraphs(paragraphs: readonly string[]): string {
  return paragraphs
    .map((paragraph, at) => {
      const isOpen = at < paragraphs.length - 1 && /(?<![.!?:;,…])[\p{L}\p{N}_)\]}'"’”>*`/]$/u.test(paragraph)
      return isOpen ? `${paragraph}.` : paragraph
    })
    .join(' ')
}

/** Markdown or plain text of one paragraph. */
export const proseOfParagraph = (text: string): string =>
  cutAtSentence(
    plainProse(
      withoutReferences(beginningOf(text).replace(/!\[[^\]]{0,300}\](\([^)]{0,2000}\)|\[[^\]]{0,300}\])/g, '')),
    ),
  )

/** Markdown's `[WSGI]` and `[Click][click docs]` become their text; code and an index as in `a[0]` stay. */
export const withoutReferences = (text: string): string =>
  text.replace(/(`[^`\n]*`)|(?<![\w\])])\[([^[\]\n]{2,})\](?:\[[^\]\n]*\])?(?![(:])/g, '$1$2')

export const isLicenceText = (text: string): boolean =>
  /\bcopyright\b|\(c\)|©|SPDX-|\blicen[cs]ed? (under|to)\b|all rights reserved|@licen[cs]e/i.test(text)

const directives: readonly RegExp[] = [
  /^(\/\/|\/\*+)\s*[@#]__[A-Z_]+__\s*(\*\/)?$/,
  /^#!/,
  /^\/\/\/\s*<(reference|amd)/,
  /^\/\*\s*(eslint|globals?\s+[\w$]+[\s,:*]|jshint|jslint|istanbul|c8|v8|@ts-|prettier-|biome-ignore|oxlint-|tslint:)/,
  /^\/\/\s*(eslint-|jshint|jslint|istanbul|c8 ignore|v8 ignore|@ts-|prettier-ignore|biome-ignore|oxlint-|tslint:|deno-lint|@flow|@jsx|@vitest|#?(end)?region\b|#\s*source)/,
  /^\/\/(go:\w|line |export \w+$|nolint\b|\s*\+build\b)/,
  /^#\s*(-\*-|vim?:|noqa|type:\s*ignore|pylint:|pragma:|mypy:|flake8:|isort:|fmt:|ruff:)/,
]

/** A comment for a tool and not for a reader. */
export const isDirective = (comment: string): boolean => directives.some((directive) => directive.test(comment))
