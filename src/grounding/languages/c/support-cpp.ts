import { importsOfC } from './imports.js'
import { rulesOfCpp } from './outline-cpp.js'
import { headComment } from '../../outline/items.js'
import { readableC } from './readable.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { outlineByRules } from '../../outline/engine.js'

export const cppSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-cpp.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfCpp()),
  imports: importsOfC,
  prepare: (text) => readableC(text, 'cpp'),
  outlinesBroken: true,
}
