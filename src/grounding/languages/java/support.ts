import { outlineByRules } from '../../outline/engine.js'
import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { importsOfJava, packageOfJava, referencesOfJava } from './imports.js'
import { rulesOfJava } from './outline.js'

export const javaSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-java.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfJava),
  imports: importsOfJava,
  scope: packageOfJava,
  references: referencesOfJava,
}
