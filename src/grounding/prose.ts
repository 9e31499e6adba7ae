const MAX_DOC_CHARS = 600
const MAX_SIGNATURE_CHARS = 200

export const fold = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** One line of code: white space folded, cut where it gets too long. */
export function signatureOf(code: string): string {
  return cutAt(fold(code), MAX_SIGNATURE_CHARS)
}

/** `signatureOf` without the comments between; a `//` comment folded into one line would hide what follows it. */
export const signatureOfScript = (code: string): string =>
  signatureOf(code.replace(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '$1'))

export const signatureOfPython = (code: string): string =>
  signatureOf(code.replace(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|#[^\n]*/g, '$1'))

/** A declaration up to its value: without the `=` and a comment for the bundler. */
export const withoutAssignment = (code: string): string => code.replace(/=\s*(\/\*[\s\S]*?\*\/\s*)?$/, '')

/** Cut at a word, with an ellipsis. */
export function cutAt(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const cut = text.slice(0, maxChars - 1)
  const space = cut.lastIndexOf(' ')
  return `${(space > maxChars / 2 ? cut.slice(0, space) : dropHalfPair(cut)).trimEnd()}…`
}

const dropHalfPair = (text: string): string => text.replace(/[\ud800-\udbff]$/, '')

/** Cut at the end of a sentence, where there is one; else at a word. */
export function cutAtSentence(text: string, maxChars = MAX_DOC_CHARS): string {
  if (text.length <= maxChars) return text
  const end = text.slice(0, maxChars).search(/[.!?](?=\s[^.!?]*$)/)
  return end > maxChars / 4 ? text.slice(0, end + 1) : cutAt(text, maxChars)
}

/** What a run of comments says: marks, tags and directives removed, white space folded. */
export function proseOfComments(comments: readonly string[]): string {
  const blocks = comments.filter((comment) => comment.startsWith('/**'))
  const chosen = blocks.length > 0 ? blocks.slice(-1) : comments
  const text = chosen.map(withoutMarks).join('\n')
  return cutAtSentence(plainProse(withoutTags(text)))
}

/** What a Python docstring says, by its literal: prefix, quotes and sections of fields removed. */
export function proseOfDocstring(literal: string): string {
  const inner = literal.replace(/^[a-zA-Z]*("""|'''|"|')/, '').replace(/("""|'''|"|')$/, '')
  const unescaped = inner.replace(/\\\n/g, '').replace(/\\(["'\\])/g, '$1')
  const body = unescaped.split(
    /\n\s*(?:(?:Args|Arguments|Parameters|Returns|Raises|Yields|Examples?)\s*:?\s*\n|:param |:return|>>>)/,
  )[0]
  return cutAtSentence(plainProse(body ?? ''))
}

function withoutMarks(comment: string): string {
  if (isDirective(comment)) return ''
  if (comment.startsWith('//')) return isDisabledCode(comment) ? '' : comment.replace(/^\/{2,}!?\s?|\s*\/{2,}$/g, '')
  if (comment.startsWith('#')) return comment.replace(/^#+:?\s?|\s*#{2,}$/g, '')
  const inner = comment.replace(/^\/\*+!?/, '').replace(/\*+\/$/, '')
  return inner.replace(/^[ \t]*\*(?!\*)[ \t]?/gm, '')
}

const isDisabledCode = (comment: string): boolean =>
  /[;{}]\s*$/.test(comment) || /^\/\/\s*(import|export|const|return)\b.*[('"{]/.test(comment)

/** Keeps the prose before the first block tag, or that of a tag whose text is the description. */
function withoutTags(text: string): string {
  const [before = '', ...tags] = text.split(/^[ \t]*@(?=[a-zA-Z])/m)
  if (before.trim() !== '') return before
  const described = tags.find((tag) =>
    /^(description|desc|fileoverview|file|overview|summary|brief|remarks|deprecated)\b/i.test(tag),
  )
  return described === undefined ? '' : described.replace(/^\w+/, '')
}

export function plainProse(text: string): string {
  const plain = text
    .replace(/```[\s\S]*?(```|$)/g, ' ')
    .replace(
      /\{@(?:link|linkcode|linkplain|see)\s+([^}|\s]+)(?:[|\s]+([^}]*))?\}/g,
      (_all, target: string, label?: string) => label?.trim() || target,
    )
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replace(
      /<\/?(?:p|br|b|i|em|strong|code|pre|a|ul|ol|li|img|div|span|h[1-6]|table|t[rdh]|sup|sub|tt|hr|center|picture|source|kbd)(?:\s[^<>]*)?\/?>/gi,
      '',
    )
    .replace(/:(?:class|func|meth|mod|attr|exc|data|ref|term|obj):`~?([^`]*)`/g, '$1')
    .replace(/(?<!`)`([^`'\n]*)'/g, '$1')
    .replace(/``?([^`\n]*)``?/g, '$1')
    .replace(/(\*\*|__)(?=\S)([^*_\n]+?)\1/g, '$2')
    .replace(/(^|[\s(])\*(\w[^*\n]{0,40}?)\*(?=[\s).,;:!?]|$)/gm, '$1$2')
    .replace(/^[ \t]*[-=*~#^]{3,}[ \t]*$/gm, ' ')
  return fold(plain)
}

/** Markdown or plain text of one paragraph. */
export const proseOfParagraph = (text: string): string =>
  cutAtSentence(plainProse(text.replace(/!\[[^\]]*\]\([^)]*\)/g, '')))

export const isLicenceText = (text: string): boolean =>
  /\bcopyright\b|\(c\)|©|SPDX-|\blicen[cs]ed? (under|to)\b|all rights reserved|@licen[cs]e/i.test(text)

const directives: readonly RegExp[] = [
  /^#!/,
  /^\/\/\/\s*<(reference|amd)/,
  /^\/\*\s*(eslint|globals?\s+[\w$]+[\s,:*]|jshint|jslint|istanbul|c8|v8|@ts-|prettier-)/,
  /^\/\/\s*(eslint-|jshint|jslint|istanbul|c8 ignore|v8 ignore|@ts-|prettier-ignore|@flow|@jsx|@vitest|#?(end)?region\b|#\s*source)/,
  /^#\s*(-\*-|vim?:|noqa|type:\s*ignore|pylint:|pragma:|mypy:|flake8:|isort:|fmt:|ruff:)/,
]

/** A comment for a tool and not for a reader. */
export const isDirective = (comment: string): boolean => directives.some((directive) => directive.test(comment))
