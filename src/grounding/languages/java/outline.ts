import type { Node } from 'web-tree-sitter'
import type { DeclarationRule, OutlineRules } from '../../outline/engine.js'
import { field } from '../../syntax/node.js'
import { proseOfJavadoc } from './javadoc.js'

const body = (node: Node): Node | null => field(node, 'body')

/** The node with annotations and words such as `public`, which stands first. */
function modifiersOf(node: Node): Node | null {
  const first = node.firstNamedChild
  return first?.type === 'modifiers' ? first : null
}

const annotations = /^(marker_annotation|annotation|line_comment|block_comment)$/

/** The modifiers that are words, not annotations. */
function wordsAmong(modifiers: Node): Node[] {
  return modifiers.children.filter((child): child is Node => child !== null && !annotations.test(child.type))
}

const type = (kind: 'class' | 'interface' | 'enum' | 'struct'): DeclarationRule => ({ kind, members: body })

const method: DeclarationRule = { kind: 'method' }

const variable: DeclarationRule = {
  kind: 'property',
  name: (node) =>
    node
      .childrenForFieldName('declarator')
      .flatMap((declarator) => (declarator === null ? [] : (field(declarator, 'name')?.text ?? [])))
      .join(', '),
  value(node) {
    const declarator = field(node, 'declarator')
    return declarator === null ? null : field(declarator, 'value')
  },
}

export const rulesOfJava: OutlineRules = {
  declarations: {
    class_declaration: type('class'),
    record_declaration: type('class'),
    interface_declaration: type('interface'),
    annotation_type_declaration: type('interface'),
    enum_declaration: type('enum'),
    method_declaration: method,
    constructor_declaration: method,
    compact_constructor_declaration: method,
    annotation_type_element_declaration: method,
    field_declaration: variable,
    constant_declaration: variable,
    enum_constant: { kind: 'property' },
    module_declaration: { kind: 'module', name: (node) => field(node, 'name')?.text ?? '' },
  },
  groups: new Set(['enum_body_declarations']),
  isExported(node, _name, owner) {
    const isOpen = owner?.kind === 'interface' || node.type === 'enum_constant'
    const modifiers = modifiersOf(node)
    const text = modifiers?.text ?? ''
    const words = modifiers !== null && text.includes('@') ? wordsAmong(modifiers).map((word) => word.type) : [text]
    const isPublic = words.some((word) => /\b(public|protected)\b/.test(word))
    return (isOpen || isPublic || node.type === 'module_declaration') && (owner === null || owner.exported)
  },
  proseOf: proseOfJavadoc,
  // Annotations stand among the modifiers, before the words.
  signatureStart(node) {
    const modifiers = modifiersOf(node)
    if (modifiers === null || !modifiers.text.includes('@')) return node.startIndex
    return wordsAmong(modifiers)[0]?.startIndex ?? afterModifiers(node, modifiers)
  },
}

function afterModifiers(node: Node, modifiers: Node): number {
  const next = node.children.find((child) => child !== null && child.startIndex >= modifiers.endIndex)
  return next?.startIndex ?? node.startIndex
}
