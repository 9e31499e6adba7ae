import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../../records/index.js'
import type { Attached, ItemParts } from '../../outline/items.js'
import { signatureOfCode, withoutAssignment } from '../../outline/signature.js'
import { fold, foldsWithin } from '../../outline/text.js'
import { field } from '../../syntax/node.js'
import type { SourceText } from '../../syntax/source-text.js'

const kindOfMember: Readonly<Record<string, OutlineItem['kind']>> = {
  method_definition: 'method',
  method_signature: 'method',
  abstract_method_signature: 'method',
  call_signature: 'method',
  construct_signature: 'method',
  public_field_definition: 'property',
  field_definition: 'property',
  property_signature: 'property',
  index_signature: 'property',
  enum_assignment: 'property',
  property_identifier: 'property',
}

/** The outline of a member of a class, an interface or an enum; `null` for other nodes. */
export function partsOfMember({ node }: Attached, source: SourceText): ItemParts | null {
  const kind = kindOfMember[node.type]
  if (kind === undefined) return null
  const name = memberName(node)
  const end = field(node, 'body')?.startIndex ?? node.endIndex
  const value = field(node, 'value')
  const code = source.slice(afterDecorators(node), end)
  const isLong = value !== null && !foldsWithin(code, 100)
  const signature = isLong ? withoutAssignment(source.slice(afterDecorators(node), value.startIndex)) : code
  const isPrivate = name.startsWith('#') || /^(static |readonly |override )*private\b/.test(fold(code))
  return { kind, name, signature: signatureOfCode(signature.replace(/[;,]\s*$/, '')), exported: !isPrivate }
}

function memberName(node: Node): string {
  if (node.type === 'construct_signature') return 'new'
  if (node.type === 'call_signature') return '()'
  if (node.type === 'index_signature') return fold(node.text).replace(/\].*$/, ']')
  const name = field(node, 'name') ?? field(node, 'property')
  return (name ?? node).text.replace(/^['"]|['"]$/g, '')
}

/** Where a node's code starts after its decorators. */
export function afterDecorators(node: Node): number {
  let start = node.startIndex
  for (const child of node.children) {
    if (child === null || child.type !== 'decorator') break
    start = node.children[node.children.indexOf(child) + 1]?.startIndex ?? start
  }
  return start
}
