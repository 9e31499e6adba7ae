import type { Node } from 'web-tree-sitter'
import type { RawImport } from '../raw-import.js'
import { childrenOf, field } from '../../syntax/node.js'

/** How deep blocks around an `#include` may nest; one that is deeper is left out. */
const maxDepth = 6

const mayHoldIncludes =
  /^(translation_unit|preproc_(if|ifdef|elif|else)|linkage_specification|declaration_list|namespace_definition|ERROR)$/

/** Every `#include` outside functions, except those whose file a macro names. */
export function importsOfC(root: Node): RawImport[] {
  return includesIn(root, maxDepth)
}

function includesIn(node: Node, levels: number): RawImport[] {
  return childrenOf(node).flatMap((child) => {
    if (child.type === 'preproc_include') return includeOf(child)
    return levels > 0 && mayHoldIncludes.test(child.type) ? includesIn(child, levels - 1) : []
  })
}

function includeOf(node: Node): RawImport[] {
  const path = field(node, 'path')
  const form = path?.type === 'string_literal' ? 'quote' : path?.type === 'system_lib_string' ? 'angle' : undefined
  if (path === null || form === undefined) return []
  const specifier = path.text.slice(1, -1).trim()
  return specifier === '' ? [] : [{ specifier, names: ['*'], from: false, weak: false, form }]
}
