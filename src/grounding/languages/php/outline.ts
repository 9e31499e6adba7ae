import type { Node } from 'web-tree-sitter'
import type { DeclarationRule, OutlineRules } from '../../outline/engine.js'
import { childrenOf, field } from '../../syntax/node.js'

const typeRule = (kind: 'class' | 'interface' | 'trait' | 'enum'): DeclarationRule => ({
  kind,
  members: (node) => field(node, 'body'),
})

const childOfType = (node: Node, type: string): Node | undefined =>
  childrenOf(node).find((child) => child.type === type)

const namesOfParts = (node: Node, type: string): string =>
  childrenOf(node)
    .flatMap((child) => (child.type === type ? [(field(child, 'name') ?? child.namedChild(0))?.text ?? ''] : []))
    .join(', ')

const propertyRule: DeclarationRule = {
  kind: 'property',
  name: (node) => namesOfParts(node, 'property_element'),
  value(node) {
    const element = childOfType(node, 'property_element')
    return element === undefined ? null : field(element, 'default_value')
  },
}

const constantRule: DeclarationRule = {
  kind: (_node, owner) => (owner === null ? 'variable' : 'property'),
  name: (node) => namesOfParts(node, 'const_element'),
  value: (node) => childOfType(node, 'const_element')?.namedChild(1) ?? null,
}

/** The constant of `define('X', ...)`; empty for other statements. */
function definedBy(statement: Node): string {
  const call = statement.namedChild(0)
  if (call?.type !== 'function_call_expression' || field(call, 'function')?.text !== 'define') return ''
  return /^\(\s*(['"])([\w\\]{1,120})\1/.exec(field(call, 'arguments')?.text ?? '')?.[2] ?? ''
}

/** Classes and other types, functions and constants, also inside `namespace {}` and `if (!function_exists())`. */
export const rulesOfPhp: OutlineRules = {
  declarations: {
    class_declaration: typeRule('class'),
    interface_declaration: typeRule('interface'),
    trait_declaration: typeRule('trait'),
    enum_declaration: typeRule('enum'),
    function_definition: { kind: 'function' },
    method_declaration: { kind: 'method' },
    property_declaration: propertyRule,
    const_declaration: constantRule,
    enum_case: { kind: 'property' },
    expression_statement: { kind: (node) => (definedBy(node) === '' ? null : 'variable'), name: definedBy },
  },
  groups: new Set(['namespace_definition', 'compound_statement', 'if_statement', 'else_clause', 'colon_block']),
  isExported: (node, _name, owner) =>
    owner?.exported !== false &&
    !childrenOf(node).some((child) => child.type === 'visibility_modifier' && child.text !== 'public'),
  signatureStart(node) {
    const [first, second] = childrenOf(node)
    return first?.type === 'attribute_list' ? (second?.startIndex ?? node.startIndex) : node.startIndex
  },
}
