import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../../records/index.js'
import type { DeclarationRule, OutlineRules } from '../../outline/engine.js'
import { childrenOf, field } from '../../syntax/node.js'

const kindOfKeyword: Readonly<Record<string, OutlineItem['kind']>> = {
  class: 'class',
  actor: 'class',
  struct: 'struct',
  enum: 'enum',
  extension: 'extension',
}

const variableRule: DeclarationRule = {
  kind: (_node, owner) => (owner === null ? 'variable' : 'property'),
  name: namesOf,
  signatureEnd: (node) =>
    childrenOf(node).find((child) => /^(computed_property|willset_didset_block)$/.test(child.type))?.startIndex ??
    node.endIndex,
}

/** The names of a declaration: `let a = 1, b = 2` and `case a, b(Int)` declare several. */
function namesOf(node: Node): string {
  return node
    .childrenForFieldName('name')
    .flatMap((name) => {
      if (name === null || /type$/.test(name.type)) return []
      return [name.type === 'pattern' ? (field(name, 'bound_identifier')?.text ?? name.text) : name.text]
    })
    .join(', ')
}

const bodyOf = (node: Node): Node | null =>
  field(node, 'body') ??
  childrenOf(node).find((child) => /^(function_body|computed_property)$/.test(child.type)) ??
  null

const modifiersOf = (node: Node): Node | undefined => childrenOf(node).find((child) => child.type === 'modifiers')

const isPrivate = (node: Node): boolean =>
  childrenOf(modifiersOf(node) ?? null).some(
    (child) => child.type === 'visibility_modifier' && /^(file)?private$/.test(child.text),
  )

/** Where a declaration starts after attributes such as `@available(...)`. */
function afterAttributes(node: Node): number {
  const modifiers = modifiersOf(node)
  const last = childrenOf(modifiers ?? null).findLast((child) => child.type === 'attribute')
  if (modifiers === undefined || last === undefined) return node.startIndex
  const following = childrenOf(modifiers).find((child) => child.startIndex >= last.endIndex)
  if (following !== undefined) return following.startIndex
  return (
    node.children.find((child) => child !== null && child.startIndex >= modifiers.endIndex)?.startIndex ??
    node.startIndex
  )
}

const callable: DeclarationRule = {
  kind: (_node, owner) => (owner === null ? 'function' : 'method'),
  signatureEnd: (node) => bodyOf(node)?.startIndex ?? node.endIndex,
}

const callableNamed = (name: string): DeclarationRule => ({ ...callable, name: () => name })

/** Types with their members, functions and variables. All that is not private is exported: a module sees all its files. */
export const rulesOfSwift: OutlineRules = {
  declarations: {
    class_declaration: {
      kind: (node) => kindOfKeyword[field(node, 'declaration_kind')?.text ?? ''] ?? 'class',
      members: bodyOf,
    },
    protocol_declaration: { kind: 'interface', members: bodyOf },
    function_declaration: callable,
    protocol_function_declaration: callable,
    init_declaration: callableNamed('init'),
    deinit_declaration: callableNamed('deinit'),
    subscript_declaration: callableNamed('subscript'),
    property_declaration: variableRule,
    protocol_property_declaration: variableRule,
    enum_entry: { kind: 'property', name: namesOf },
    typealias_declaration: { kind: 'type' },
    associatedtype_declaration: { kind: 'type' },
    macro_declaration: {
      kind: 'macro',
      name: (node) => childrenOf(node).find((child) => child.type === 'simple_identifier')?.text ?? '',
    },
  },
  isExported: (node, _name, owner) => owner?.exported !== false && !isPrivate(node),
  signatureStart: afterAttributes,
}
