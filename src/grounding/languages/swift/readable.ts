/**
 * A text that the grammar can read: the lines of `#if`, `#else` and similar directives, which it accepts in few places,
 * are blanked (the code between them stays), macros of tests become plain names, and syntax newer than the grammar is
 * blanked. Every position stays where it is.
 */
export function readableSwift(text: string): string {
  const blank = (_whole: string, words: string): string => ' '.repeat(words.length)
  return text
    .replace(/^([ \t]*#(?:if|elseif|else|endif|warning|error|sourceLocation)\b[^\r\n]*|#![^\r\n]*)/gm, blank)
    .replace(/#(?=(?:fileID|filePath|file|function|line|column|isolation|expect|require|Predicate)\b)/g, '_')
    .replace(/(?<=@\w{1,60})(\(\))/g, blank)
    .replace(/(?<=\bthrows)(\([\w.]{1,60}\))/g, blank)
    .replace(/\b(nonisolated\(nonsending\)|nonisolated\(unsafe\))/g, blank)
}
