import type { Node } from 'web-tree-sitter'
import { outlineByRules } from '../../outline/engine.js'
import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { importsOfPhp, referencesOfPhp, scopeOfPhp } from './imports.js'
import { rulesOfPhp } from './outline.js'

export const phpSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-php.wasm',
  doc: (root, source) => headComment(headOf(root), source),
  outline: outlineByRules(rulesOfPhp),
  imports: importsOfPhp,
  scope: scopeOfPhp,
  references: referencesOfPhp,
}

/** The nodes before the namespace: a comment among them is about the file. */
function headOf(root: Node): Node[] {
  const nodes = childrenOf(root).filter((node) => node.type !== 'text')
  const end = nodes.findIndex((node) => /^(namespace_definition|declare_statement|text_interpolation)$/.test(node.type))
  return end < 0 ? nodes : nodes.slice(0, end)
}
