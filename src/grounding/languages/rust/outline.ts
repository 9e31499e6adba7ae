import type { Node } from 'web-tree-sitter'
import type { DeclarationRule, OutlineRules } from '../../outline/engine.js'
import { headComment, isComment } from '../../outline/items.js'
import { signatureOfCode } from '../../outline/signature.js'
import { childrenOf, field } from '../../syntax/node.js'
import type { SourceText } from '../../syntax/source-text.js'
import { proseOfRustdoc } from './rustdoc.js'

const body = (node: Node): Node | null => field(node, 'body')

/** `//!` and `/*!` document the item around them. */
const isInnerDoc = (node: Node): boolean => isComment(node) && /^\/[/*]!/.test(node.text)

const named = (kind: 'struct' | 'enum' | 'trait' | 'module'): DeclarationRule => ({ kind, members: body })

const method: DeclarationRule = {
  kind: (_node, owner) => (owner?.kind === 'trait' || owner?.kind === 'extension' ? 'method' : 'function'),
}

const constant: DeclarationRule = {
  kind: (_node, owner) => (owner === null || owner.kind === 'module' ? 'variable' : 'property'),
}

/** An `impl` has the name of its type, since its methods are the type's. */
function nameOfImpl(node: Node): string {
  const type = field(node, 'type')
  const inner = type?.type === 'generic_type' ? field(type, 'type') : type
  return signatureOfCode(inner?.text ?? '')
}

export const rulesOfRust: OutlineRules = {
  declarations: {
    function_item: method,
    function_signature_item: method,
    struct_item: {
      kind: 'struct',
      members: (node) => namedFields(node),
      signatureEnd: (node) => endOfStructHead(node),
    },
    union_item: named('struct'),
    enum_item: named('enum'),
    enum_variant: { kind: 'property', value: () => null },
    trait_item: named('trait'),
    impl_item: { kind: 'extension', name: nameOfImpl, members: body },
    mod_item: { kind: (node) => (body(node) === null ? null : 'module'), members: body },
    macro_definition: { kind: 'macro', signatureEnd: (node) => field(node, 'name')?.endIndex ?? node.endIndex },
    const_item: constant,
    static_item: constant,
    type_item: { kind: 'type' },
    trait_alias: { kind: 'type' },
    associated_type: { kind: 'type' },
    field_declaration: { kind: 'property' },
  },
  groups: new Set(['foreign_mod_item', 'declaration_list']),
  isExported(node, _name, owner) {
    // Members of a trait, and members of an `impl` of a trait, are as public as the trait.
    if (owner?.kind === 'trait' || owner?.kind === 'enum') return owner.exported
    if (owner?.kind === 'extension' && field(owner.node, 'trait') !== null) return true
    if (node.type === 'impl_item') return true
    if (node.type === 'macro_definition') return isMacroExported(node)
    const first = node.firstNamedChild
    const isPublic = first?.type === 'visibility_modifier' && first.text !== 'pub(self)'
    return isPublic && (owner === null || owner.kind === 'module' || owner.exported)
  },
  proseOf: proseOfRustdoc,
  isDetached: isInnerDoc,
}

/** The fields of `struct A { b: C }`; those of `struct A(C)` have no names. */
function namedFields(node: Node): Node | null {
  const fields = body(node)
  return fields?.type === 'field_declaration_list' ? fields : null
}

const endOfStructHead = (node: Node): number => namedFields(node)?.startIndex ?? node.endIndex

/** Whether `#[macro_export]` stands before a macro. */
function isMacroExported(node: Node): boolean {
  for (let above = node.previousNamedSibling; above !== null; above = above.previousNamedSibling) {
    if (above.type === 'attribute_item' && above.text.includes('macro_export')) return true
    if (above.type !== 'attribute_item' && !isComment(above)) return false
  }
  return false
}

/** The documentation of a file: its inner doc comments, else its first comment. */
export function docOfRust(root: Node, source: SourceText): string {
  const head: string[] = []
  for (const child of childrenOf(root)) {
    if (isInnerDoc(child)) head.push(child.text)
    else if (!isComment(child) && child.type !== 'inner_attribute_item') break
  }
  const prose = proseOfRustdoc(head)
  return prose === '' ? headComment(childrenOf(root), source) : prose
}
