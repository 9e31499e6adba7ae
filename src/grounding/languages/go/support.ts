import { outlineByRules } from '../../outline/engine.js'
import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { importsOfGo, packageOfGo, referencesOfGo } from './imports.js'
import { rulesOfGo } from './outline.js'

export const goSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-go.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfGo),
  imports: importsOfGo,
  scope: packageOfGo,
  references: referencesOfGo,
}
