import { headComment } from '../../outline/items.js'
import { outlineByRules } from '../../outline/engine.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { importsOfC } from './imports.js'
import { rulesOfCpp } from './outline-cpp.js'
import { rulesOfC } from './outline.js'
import { readableC } from './readable.js'

export const cSupport: LanguageSupport = {
  grammar: '@repomix/tree-sitter-wasms/out/tree-sitter-c.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfC),
  imports: importsOfC,
  prepare: (text) => readableC(text, 'c'),
  outlinesBroken: true,
}

export const cppSupport: LanguageSupport = {
  ...cSupport,
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-cpp.wasm',
  outline: outlineByRules(rulesOfCpp),
  prepare: (text) => readableC(text, 'cpp'),
}
