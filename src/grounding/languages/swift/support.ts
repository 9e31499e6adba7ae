import { importsOfSwift, referencesOfSwift } from './imports.js'
import { headComment } from '../../outline/items.js'
import { rulesOfSwift } from './outline.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { outlineByRules } from '../../outline/engine.js'

export const swiftSupport: LanguageSupport = {
  grammar: '@repomix/tree-sitter-wasms/out/tree-sitter-swift.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfSwift()),
  imports: importsOfSwift,
  references: referencesOfSwift,
  prepare: readableSwift,
  outlinesBroken: true,
}

/**
 * What the grammar can read: without the lines of `#if`, `#else` and the like, which it takes in few places (what
 * stands between them stays), with plain names for the macros that every test uses, and without what is newer than the
 * grammar. Every position stays where it is.
 */
function readableSwift(text: string): string {
  const blank = (_all: string, words: string): string => ' '.repeat(words.length)
  return text
    .replace(/^([ \t]*#(?:if|elseif|else|endif|warning|error|sourceLocation)\b[^\r\n]*|#![^\r\n]*)/gm, blank)
    .replace(/#(?=(?:fileID|filePath|file|function|line|column|isolation|expect|require|Predicate)\b)/g, '_')
    .replace(/(?<=@\w{1,60})(\(\))/g, blank)
    .replace(/(?<=\bthrows)(\([\w.]{1,60}\))/g, blank)
    .replace(/\b(nonisolated\(nonsending\)|nonisolated\(unsafe\))/g, blank)
}
