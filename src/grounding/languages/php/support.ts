import type { Node } from 'web-tree-sitter'
import { importsOfPhp, referencesOfPhp, scopeOfPhp } from './imports.js'
import { headComment } from '../../outline/items.js'
import { rulesOfPhp } from './outline.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { outlineByRules } from '../../outline/engine.js'

export const phpSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-php.wasm',
  doc: (root, source) => headComment(headOf(root), source),
  outline: outlineByRules(rulesOfPhp()),
  imports: importsOfPhp,
  scope: scopeOfPhp,
  references: referencesOfPhp,
}

/** Up to the namespace: a comment above that is about the file. */
function headOf(root: Node): Node[] {
  const nodes = childrenOf(root).filter((node) => node.type !== 'text')
  const end = nodes.findIndex((node) => /^(namespace_definition|declare_statement|text_interpolation)$/.test(node.type))
  return end < 0 ? nodes : nodes.slice(0, end)
}
