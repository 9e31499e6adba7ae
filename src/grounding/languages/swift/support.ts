import { outlineByRules } from '../../outline/engine.js'
import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { importsOfSwift, referencesOfSwift } from './imports.js'
import { rulesOfSwift } from './outline.js'
import { readableSwift } from './readable.js'

export const swiftSupport: LanguageSupport = {
  grammar: '@repomix/tree-sitter-wasms/out/tree-sitter-swift.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rulesOfSwift),
  imports: importsOfSwift,
  references: referencesOfSwift,
  prepare: readableSwift,
  outlinesBroken: true,
}
