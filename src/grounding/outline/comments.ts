import { plainProse } from './prose.js'
import { beginningOf, cutAtSentence } from './text.js'

/**
 * Adjacent comments as prose: marks, tags and directives removed, white space folded.
 *
 * @param translate turns the markup of a language's own doc comments into plain text or Markdown
 */
export function proseOfComments(all: readonly string[], translate = (text: string): string => text): string {
  const comments = all.filter((comment) => !isDirective(comment))
  if (comments.length === 0) return ''
  const text = docCommentsIn(comments)
    .map((comment) => withoutMarks(beginningOf(comment)))
    .join('\n')
  return cutAtSentence(plainProse(withoutTags(translate(beginningOf(text)))))
}

/** The last `/**` block, else all `///` lines, else all comments. */
function docCommentsIn(comments: readonly string[]): readonly string[] {
  const blocks = comments.filter((comment) => comment.startsWith('/**'))
  if (blocks.length > 0) return blocks.slice(-1)
  const lines = comments.filter((comment) => /^\/\/\/(?!\/)/.test(comment))
  return lines.length > 0 ? lines : comments
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

/** Doxygen also writes its tags with a backslash. */
const doxygenTag =
  /^[ \t]*\\(?=(?:brief|details|param|t?param|returns?|file|internal|note|warning|since|see|sa|ref|ingroup|defgroup|addtogroup|class|struct|fn|name|author|version|date|deprecated|throws?|exception|retval|pre|post|todo)\b)/gm

/** The prose before the first block tag, else the prose of a tag that describes, such as `@brief`. */
function withoutTags(text: string): string {
  const [before = '', ...tags] = text.replace(doxygenTag, '@').split(/^[ \t]*@(?=[a-zA-Z])/m)
  if (before.trim() !== '') return before
  const described = tags.find((tag) =>
    /^(description|desc|fileoverview|file|overview|summary|brief|remarks|deprecated)\b/i.test(tag),
  )
  return described === undefined ? '' : described.replace(/^\w+/, '')
}

/** Whether a comment is about copyright or a licence. */
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

/** Whether a comment is for a tool and not for a reader. */
const isDirective = (comment: string): boolean => directives.some((directive) => directive.test(comment))
