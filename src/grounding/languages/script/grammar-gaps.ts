/**
 * Blanks what the TypeScript grammar does not know yet, so that the rest of the file parses: the variance marks of
 * type parameters (`interface A<in out T>`), `export type * from`, and the word of a `global {}` inside a module. Each
 * `import('a')` becomes a name, since as a type it may be followed by `.B[]`, `.B<C>` or stand after `typeof`. Every
 * position stays where it is.
 */
export function withoutGrammarGaps(text: string): string {
  const blank = (_all: string, before: string, words: string): string => before + ' '.repeat(words.length)
  return text
    .replace(
      /([<,]\s*(?:\/\*[\s\S]*?\*\/\s*|\/\/[^\n]*\n\s*)?)((?:in\s+out|in|out)(?=\s+[\w$]+(?:\s+extends\b|\s*[,=>])))/g,
      blank,
    )
    .replace(/^([ \t]*export[ \t]+)(type(?=[ \t]+\*))/gm, blank)
    .replace(/\bimport\(\s*(?:"[^"\n]+"|'[^'\n]+')\s*\)/g, (all) => '_'.repeat(all.length))
    .replace(/^([ \t]+)(global(?=\s*\{))/gm, blank)
}
