import { importsOfPython } from '../imports-python.js'
import { headComment } from '../outline-items.js'
import { docstringOf, outlineOfPython } from '../outline-python.js'
import { proseOfDocstring } from '../prose.js'
import { childrenOf } from '../syntax.js'
import type { LanguageSupport } from './language-support.js'

export const pythonSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-python.wasm',
  doc(root, source) {
    const docstring = docstringOf(root)
    return docstring === null ? headComment(childrenOf(root), source) : proseOfDocstring(docstring)
  },
  outline: outlineOfPython,
  imports: importsOfPython,
}
