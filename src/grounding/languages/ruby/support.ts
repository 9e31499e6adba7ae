import { importsOfRuby, referencesOfRuby } from './imports.js'
import { headComment } from '../../outline/items.js'
import { rulesOfRuby } from './outline.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { outlineByRules } from '../../outline/engine.js'

export const rubySupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-ruby.wasm',
  doc: (root, source) =>
    headComment(
      childrenOf(root).filter(
        (node) => node.type !== 'comment' || !/^#( ?(frozen_string_literal|encoding|coding):|!)/.test(node.text),
      ),
      source,
    ),
  outline: outlineByRules(rulesOfRuby()),
  imports: importsOfRuby,
  references: referencesOfRuby,
}
