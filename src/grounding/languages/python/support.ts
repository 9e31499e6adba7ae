import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { docstringOf, proseOfDocstring } from './docstring.js'
import { importsOfPython } from './imports.js'
import { outlineOfPython } from './outline.js'

export const pythonSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-python.wasm',
  doc(root, source) {
    const docstring = docstringOf(root)
    return docstring === null ? headComment(childrenOf(root), source) : proseOfDocstring(docstring)
  },
  outline: outlineOfPython,
  imports: importsOfPython,
}
