/**
 * Blanks what the TypeScript grammar does not know yet, so that the rest of the file parses: the variance marks of
 * type parameters (`interface A<in out T>`), `export type * from`, the brackets of `import('a').B[]`, and the word of
 * a `global {}` inside a module. Every position stays where it is.
 */
export function withoutGrammarGaps(text: string): string {
  const blank = (_all: string, before: string, words: string): string => before + ' '.repeat(words.length)
  return text
    .replace(
      /([<,]\s*(?:\/\*[\s\S]*?\*\/\s*|\/\/[^\n]*\n\s*)?)((?:in\s+out|in|out)(?=\s+[\w$]+(?:\s+extends\b|\s*[,=>])))/g,
      blank,
    )
    .replace(/^([ \t]*export[ \t]+)(type(?=[ \t]+\*))/gm, blank)
    .replace(/(\bimport\((?:"[^"\n]+"|'[^'\n]+')\)(?:\.[\w$]+)+)((?:\[\])+)/g, blank)
    .replace(/^([ \t]+)(global(?=\s*\{))/gm, blank)
}
