// Small faults that a line of C++ may get, found by its text: the compiler judges whether they are C++.

const replacements = [
  ['swap an operator', / < /g, ' <= '],
  ['swap an operator', / <= /g, ' < '],
  ['swap an operator', / > /g, ' >= '],
  ['swap an operator', / >= /g, ' > '],
  ['swap an operator', / == /g, ' != '],
  ['swap an operator', / != /g, ' == '],
  ['swap an operator', / \+ /g, ' - '],
  ['swap an operator', / - /g, ' + '],
  ['swap an operator', / \* /g, ' / '],
  ['swap an operator', / \/ /g, ' * '],
  ['swap an operator', / % /g, ' * '],
  ['swap an operator', / && /g, ' || '],
  ['swap an operator', / \|\| /g, ' && '],
  ['change a truth value', /\btrue\b/g, 'false'],
  ['change a truth value', /\bfalse\b/g, 'true'],
  ['change a number', /(?<![\w.])0(?![\w.])/g, '1'],
  ['change a number', /(?<![\w.])1(?![\w.])/g, '0'],
  ['negate a condition', /(?<=\bif \()!(?=\w)/g, ''],
  ['negate a condition', /(?<=\bif \()(?=\w+\()/g, '!'],
  ['drop a statement', /(?<=^ +)(?!return\b|throw\b|case\b|else\b)[\w:]+(\.|->)?[\w.:>-]*\(.*\);$/g, ';'],
  ['drop a statement', /\b(continue|break);$/g, ';'],
  ['drop an argument', /, [\w.]+(?=\))/g, ''],
]

/** The line with what is no code made of blanks: texts, characters and comments. */
function codeOf(line) {
  const blank = (found) => ' '.repeat(found.length)
  const bare = line.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])'/g, (found) => found[0] + blank(found.slice(2)) + found[0])
  return bare.replace(/\/\/.*$/, blank).trimEnd()
}

/** Every fault of a file: its operator, its range `[start, end)` in the text and the replacement. */
export function faultsOf(text) {
  const faults = []
  let lineStart = 0
  for (const line of text.split('\n')) {
    const code = codeOf(line)
    const isCode = /^\s/.test(line) && !/^\s*(#|\/\*|\*)/.test(code) && !/\b(static_assert|template|using)\b/.test(code)
    for (const [operator, pattern, replacement] of isCode ? replacements : []) {
      for (const { index, 0: found } of code.matchAll(pattern)) {
        const start = lineStart + index
        faults.push({ operator, start, end: start + found.length, replacement })
      }
    }
    lineStart += line.length + 1
  }
  return faults
}
