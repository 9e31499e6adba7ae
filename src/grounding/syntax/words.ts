/** A word of code and where it stands. */
export interface Word {
  text: string
  start: number
  end: number
}

/** Comments, strings and words; whatever an alternative looks at, it takes, so that hostile text stays linear. */
const token =
  /\/\/[^\n]*|\/\*(?:[\s\S]*?\*\/|[\s\S]*)|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|`[^`]*`?|[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*/g

/**
 * The words of a text in the manner of C, outside its comments and strings. Reading the text costs a small part of
 * what asking the syntax tree for every identifier does.
 */
export function* wordsOf(code: string): Generator<Word> {
  for (const match of code.matchAll(token)) {
    const text = match[0]
    const first = text.charCodeAt(0)
    const isWord = first > 0x60 || (first > 0x40 && first < 0x5b) || first === 0x5f || first === 0x24
    if (isWord && first !== 0x60) yield { text, start: match.index, end: match.index + text.length }
  }
}
