/**
 * Blanks syntax that the TypeScript grammar does not know yet, so that the rest of the file parses: the variance marks
 * of type parameters (`interface A<in out T>`), the `type` of `export type * from`, and the `global` of `global {}` inside
 * a module. Each `import('a')` becomes a name, since a type such as `import('a').B[]` or `typeof import('a')` does not
 * parse. Every position stays where it is.
 */
export function withoutGrammarGaps(text: string): string {
  const blank = (_whole: string, before: string, words: string): string => before + ' '.repeat(words.length)
  return text
    .replace(
      /([<,]\s*(?:\/\*[\s\S]*?\*\/\s*|\/\/[^\n]*\n\s*)?)((?:in\s+out|in|out)(?=\s+[\w$]+(?:\s+extends\b|\s*[,=>])))/g,
      blank,
    )
    .replace(/^([ \t]*export[ \t]+)(type(?=[ \t]+\*))/gm, blank)
    .replace(/\bimport\(\s*(?:"[^"\n]+"|'[^'\n]+')\s*\)/g, (matched) => '_'.repeat(matched.length))
    .replace(/^([ \t]+)(global(?=\s*\{))/gm, blank)
}
