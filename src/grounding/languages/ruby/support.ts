import type { Node } from 'web-tree-sitter'
import { outlineByRules } from '../../outline/engine.js'
import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { importsOfRuby, referencesOfRuby } from './imports.js'
import { rulesOfRuby } from './outline.js'

/** Whether a node is a comment for the interpreter, such as `# frozen_string_literal: true`. */
const isMagicComment = (node: Node): boolean =>
  node.type === 'comment' && /^#( ?(frozen_string_literal|encoding|coding):|!)/.test(node.text)

export const rubySupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-ruby.wasm',
  doc: (root, source) =>
    headComment(
      childrenOf(root).filter((node) => !isMagicComment(node)),
      source,
    ),
  outline: outlineByRules(rulesOfRuby),
  imports: importsOfRuby,
  references: referencesOfRuby,
}
