import { outlineByRules } from '../../outline/engine.js'
import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { importsOfCsharp, namespaceOfCsharp, referencesOfCsharp } from './imports.js'
import { rulesOfCsharp } from './outline.js'
import { readableCsharp } from './readable.js'

const grammar = '@vscode/tree-sitter-wasm/wasm/tree-sitter-c-sharp.wasm'

export const csharpSupport: LanguageSupport = {
  grammar,
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfCsharp),
  imports: importsOfCsharp,
  scope: namespaceOfCsharp,
  references: referencesOfCsharp,
  repairs: (text) => readableCsharp(text).map((readable) => ({ grammar, text: readable })),
}
