import { directive, settleConditionals, type TextRange } from './conditionals.js'

/**
 * C and C++ in a form that their grammars, which know no preprocessor, can read: conditionals are blanked, and macros
 * that stand where the language allows no name. Every position stays where it is.
 */
export function readableC(text: string, language: 'c' | 'cpp'): string {
  const code = text.replace(comment, blankComment)
  const open = openComment(text)
  const lines = settleConditionals(code, language).map(([start, end]) => withComment(text, code, start, end))
  const settled = blankOut(code, lines).replace(directive, (matched) => ' '.repeat(matched.length))
  return blankOut(text, [...open, ...lines, ...macrosIn(blankOut(settled, bodiesIn(settled)), language)])
}

// Comments and literals. The alternatives that run to the end of the text prevent repeated searches for a missing end.
const comment =
  /\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))|\/\/[^\n]*|R"([^()\\\s"]{0,16})\([\s\S]*?(?:\)\1"|$(?![\s\S]))|"(?:[^"\\\n]|\\[^\n]|\\\n)*"|'(?:[^'\\\n]|\\[^\n]){1,12}'/g

/** A comment without an end: the parser would search for its end at every character. */
function openComment(text: string): TextRange[] {
  const start = text.lastIndexOf('*/') + 2
  const open = start < 2 ? text.indexOf('/*') : text.indexOf('/*', start)
  return open < 0 ? [] : [[open, text.length]]
}

/** Comments and literals as spaces; a literal keeps a character, so that it counts as code. */
function blankComment(matched: string): string {
  const blank = matched.replace(/[^\n]+/g, (line) => ' '.repeat(line.length))
  return matched.startsWith('/') ? blank : `0${blank.slice(1)}`
}

/** The range of a directive. A comment after it is included, else it would become the doc of the next declaration. */
function withComment(text: string, code: string, start: number, end: number): TextRange {
  const line = text.slice(start, end)
  const isOpen = line.lastIndexOf('/*') > line.lastIndexOf('*/')
  return [start, isOpen ? start + code.slice(start, end).trimEnd().length : end]
}

/** By custom, a name in capitals is a macro. Its arguments may nest once. */
const macro = '_{0,2}[A-Z][A-Z0-9_]{2,80}'
const call = `${macro}(?:[ \\t]?\\((?:[^()\\n;{}]|\\([^()\\n]{0,100}\\)){0,200}\\))?`
const word = '[A-Za-z_]\\w{0,100}'
const gap = '\\s{1,40}'
/** Fails after a word after which a name in capitals is a type. */
const beforeType =
  '(?<!\\b(?:struct|union|enum|class|const|static|extern|inline|return|unsigned|signed|virtual|typedef|constexpr|explicit|friend|typename|register|volatile|else|new|goto|case|throw|using|public|private|protected|operator|namespace|sizeof)\\s{1,8})'

/** Checks one character before the lookbehind, else the regular expression engine would look behind everywhere. */
const macroAfter = (before: string, rest: string): RegExp => new RegExp(`(?=[A-Z_])(?<=${before})${rest}`, 'gm')

const places: readonly RegExp[] = [
  // class EXPORT Name {
  macroAfter(
    `\\b(?:class|struct|union)${gap}`,
    `${call}(?=${gap}${word}\\s{0,40}(?:final\\b\\s{0,40})?(?:[{:](?!:)|;))`,
  ),
  // EXPORT int name(, STATIC const char *name
  macroAfter(
    `^[ \\t]{0,40}(?:(?:static|extern|inline|virtual|constexpr|friend|explicit)[ \\t]{1,8}){0,3}`,
    // Where two macros stand before the name, the next pattern takes the second, and the first stays as the type.
    `${call}(?!\\s{1,8}[A-Z][A-Z0-9_]{0,80}\\s{1,8}${word}\\s?\\()(?=${gap}${word}(?:::${word}){0,4}(?:<[^<>\\n;{}]{0,80}>)?[\\s*&]{1,40}(?!(?:const|volatile)\\s)[A-Za-z_])`,
  ),
  // int CALL name(
  macroAfter(`[\\w*&>]\\s{1,8}${beforeType}`, `${macro}(?=\\s{1,8}${word}(?:::~?${word}){0,4}\\s?\\()`),
  // int name UNUSED)
  macroAfter(`[a-z_]\\w{0,80}(?:\\[\\w{0,20}\\])?[ \\t]{1,4}${beforeType}`, `${call}(?=\\s{0,8}[,)])`),
  // void name(void) NORETURN;
  macroAfter(`\\)\\s{1,40}(?:const\\s{1,8})?(?:${call}\\s{1,8}){0,3}`, `${call}(?=\\s{0,40}[;{])`),
  // BEGIN_DECLS
  macroAfter(
    `(?:^|[;{}>])\\s{0,200}\\n(?:[ \\t]{1,16}(?=Q_))?`,
    `${macro}(?:\\([^()\\n]{0,200}\\))?(?=[ \\t]{0,8}\\r?\\n\\s{0,40}(?:[\\w#}/]|$))`,
  ),
]

/** TEST_CASE("says", "[tag]") { */
const namelessTest = new RegExp(
  `(?<=^[ \\t]{0,16}${macro}[ \\t]?\\()[^(){};0]{0,100}0[^(){};]{0,200}(?=\\)\\s{0,8}\\{)`,
  'gm',
)

function macrosIn(code: string, language: 'c' | 'cpp'): TextRange[] {
  return [...places, ...(language === 'cpp' ? [namelessTest] : [])].flatMap((place) =>
    [...code.matchAll(place)].map((match): TextRange => [match.index, match.index + match[0].length]),
  )
}

const opensBody = /(?:[)=]|\b(?:const|noexcept|override|final|volatile|try)|\)\s{0,8}[A-Z_]{3,80})\s*$/

/** The ranges inside the braces of functions and initializers, which an outline does not read. */
function bodiesIn(code: string): TextRange[] {
  const bodies: TextRange[] = []
  let start = -1
  let depth = 0
  for (const { 0: brace, index } of code.matchAll(/[{}]/g)) {
    if (start < 0) {
      if (brace === '}' || !opensBody.test(code.slice(Math.max(0, index - 100), index))) continue
      start = index + 1
      depth = 1
      continue
    }
    depth += brace === '{' ? 1 : -1
    if (depth > 0) continue
    bodies.push([start, index])
    start = -1
  }
  return bodies
}

function blankOut(text: string, ranges: readonly TextRange[]): string {
  const parts: string[] = []
  let at = 0
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (end <= at) continue
    const from = Math.max(start, at)
    parts.push(
      text.slice(at, from),
      text.slice(from, end).replace(/[^\r\n]+/g, (line) => ' '.repeat(line.length)),
    )
    at = end
  }
  return parts.join('') + text.slice(at)
}
