/** Marks that open and close text over several lines that is no code. */
const blockMarks: readonly (readonly [string, string])[] = [
  ['/*', '*/'],
  ['"""', '"""'],
  ["'''", "'''"],
  ['<!--', '-->'],
]
const commentStarts = ['//', '#', '--', '*', ';;']
const importStarts =
  /^((import|from|using|use|require|require_once|require_relative|include|package|module|namespace|extern crate|mod)(\s|\(|$|\*|\{)|export (\*|\{)|(const|let|var) .{1,200} = require\()/

/**
 * Which lines of a file hold code worth predicting: no blank line, no comment, no import, and more than brackets.
 * Decided by the line alone and by block marks at its beginning, so a few are decided wrongly, at no great cost.
 */
export function codeLines(lines: readonly string[], language: string): boolean[] {
  if (language === 'text') return lines.map(() => false)
  let closing: string | null = null
  return lines.map((line) => {
    const text = line.trim()
    if (closing !== null) {
      if (text.includes(closing)) closing = null
      return false
    }
    const block = blockMarks.find(([open]) => text.startsWith(open))
    if (block !== undefined) {
      if (!text.includes(block[1], block[0].length)) closing = block[1]
      return false
    }
    return (
      !commentStarts.some((start) => text.startsWith(start)) && !importStarts.test(text) && hasThreeWordCharacters(text)
    )
  })
}

/** At least three letters or digits: `})` is no line to predict. */
function hasThreeWordCharacters(text: string): boolean {
  return /\w\W*\w\W*\w/.test(text.slice(0, 200))
}
