import type { Node } from 'web-tree-sitter'
import type { RawImport } from '../raw-import.js'
import { childrenOf, field } from '../../syntax/node.js'

/** Blocks of a file may nest; an `#include` further down is no part of its head. */
const MAX_DEPTH = 6

const mayHoldIncludes =
  /^(translation_unit|preproc_(if|ifdef|elif|else)|linkage_specification|declaration_list|namespace_definition|ERROR)$/

/** Every `#include` outside of functions; one by a macro names no file. */
export function importsOfC(root: Node): RawImport[] {
  return includesIn(root, MAX_DEPTH)
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
