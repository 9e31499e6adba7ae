import { importsOfC } from './imports.js'
import { rulesOfC } from './outline.js'
import { headComment } from '../../outline/items.js'
import { readableC } from './readable.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { outlineByRules } from '../../outline/engine.js'

export const cSupport: LanguageSupport = {
  grammar: '@repomix/tree-sitter-wasms/out/tree-sitter-c.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfC()),
  imports: importsOfC,
  prepare: (text) => readableC(text, 'c'),
  outlinesBroken: true,
}
