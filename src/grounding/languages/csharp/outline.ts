import type { Node } from 'web-tree-sitter'
import type { DeclarationRule, OutlineRules } from '../../outline/engine.js'
import { childrenOf, field } from '../../syntax/node.js'
import { proseOfXmlDoc } from './xml-doc.js'

const body = (node: Node): Node | null => field(node, 'body')

const type = (kind: 'class' | 'struct' | 'interface' | 'enum' | 'namespace'): DeclarationRule => ({
  kind,
  members: body,
})

/** Where the head of a member ends: at its accessors, its body, or the short form of a body (`int Size => size;`). */
function endOfHead(node: Node): number {
  const end = field(node, 'accessors') ?? body(node)
  if (end !== null) return end.startIndex
  const value = field(node, 'value')
  return value?.type === 'arrow_expression_clause' ? value.startIndex : node.endIndex
}

/** The modifiers of a declaration, such as `public`, and the index of its first token after attributes and comments. */
function headOf(node: Node): { words: string[]; start: number } {
  const words: string[] = []
  let start: number | undefined
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (/^(attribute_list|comment|preproc_\w+)$/.test(child.type)) continue
    start ??= child.startIndex
    if (child.type !== 'modifier') break
    words.push(child.text)
  }
  return { words, start: start ?? node.startIndex }
}

const method = (name?: (node: Node) => string): DeclarationRule => ({
  kind: 'method',
  signatureEnd: endOfHead,
  ...(name === undefined ? {} : { name }),
})

const property: DeclarationRule = { kind: 'property', signatureEnd: endOfHead }

function declaratorsOf(node: Node): Node[] {
  const list = childrenOf(node).find((child) => child.type === 'variable_declaration')
  return childrenOf(list ?? null).filter((child) => child.type === 'variable_declarator')
}

const nameOf = (node: Node): string => field(node, 'name')?.text ?? node.namedChild(0)?.text ?? ''

const fields: DeclarationRule = {
  kind: 'property',
  name: (node) => declaratorsOf(node).map(nameOf).join(', '),
  value: (node) => declaratorsOf(node)[0]?.namedChild(1) ?? null,
}

export const rulesOfCsharp: OutlineRules = {
  declarations: {
    namespace_declaration: type('namespace'),
    class_declaration: type('class'),
    struct_declaration: type('struct'),
    record_declaration: type('class'),
    record_struct_declaration: type('struct'),
    interface_declaration: type('interface'),
    enum_declaration: type('enum'),
    delegate_declaration: { kind: 'type' },
    method_declaration: method(),
    constructor_declaration: method(),
    destructor_declaration: method((node) => `~${nameOf(node)}`),
    operator_declaration: method((node) => `operator ${field(node, 'operator')?.text ?? ''}`.trim()),
    conversion_operator_declaration: method((node) => `operator ${field(node, 'type')?.text ?? ''}`.trim()),
    indexer_declaration: { kind: 'property', name: () => 'this[]', signatureEnd: endOfHead },
    property_declaration: property,
    event_declaration: property,
    field_declaration: fields,
    event_field_declaration: fields,
    enum_member_declaration: { kind: 'property', name: nameOf },
  },
  // `#if`, and the statements of a program without a class.
  groups: new Set(['preproc_if', 'preproc_elif', 'preproc_else', 'global_statement']),
  isExported(node, _name, owner) {
    if (node.type === 'namespace_declaration') return true
    const isOpen = owner?.kind === 'interface' || owner?.kind === 'enum'
    const { words } = headOf(node)
    const isPublic = words.some((word) => word === 'public' || word === 'protected' || word === 'internal')
    // A type in a namespace is `internal` where it has no modifier.
    const isTop = owner === null || owner.kind === 'namespace'
    const isVisible = isOpen || isPublic || (isTop && !words.includes('private') && !words.includes('file'))
    return isVisible && (owner === null || owner.exported)
  },
  proseOf: proseOfXmlDoc,
  signatureStart: (node) => headOf(node).start,
}
