import { importsOfPython } from './imports.js'
import { headComment } from '../../outline/items.js'
import { docstringOf, outlineOfPython } from './outline.js'
import { proseOfDocstring } from '../../outline/prose.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'

export const pythonSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-python.wasm',
  doc(root, source) {
    const docstring = docstringOf(root)
    return docstring === null ? headComment(childrenOf(root), source) : proseOfDocstring(docstring)
  },
  outline: outlineOfPython,
  imports: importsOfPython,
}
