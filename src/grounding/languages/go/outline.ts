import type { Node } from 'web-tree-sitter'
import type { OutlineRules } from '../../outline/engine.js'
import { cutAt } from '../../outline/text.js'
import { childrenOf, field } from '../../syntax/node.js'

/** Whether a name is exported: it begins with a capital. */
export const isCapital = (name: string): boolean => /^\p{Lu}/u.test(name)

const maxNamesChars = 120

/** Whether a node is one spec of a declaration. `const (` with several specs is one item with the specs as members. */
const isSpec = (node: Node): boolean => /^(const_spec|var_spec|type_spec|type_alias)$/.test(node.type)

export function specsOf(declaration: Node): Node[] {
  return childrenOf(declaration).flatMap((child) =>
    child.type === 'var_spec_list' ? childrenOf(child).filter(isSpec) : isSpec(child) ? [child] : [],
  )
}

export const namesOfSpec = (node: Node): string[] =>
  node.childrenForFieldName('name').flatMap((name) => (name?.isNamed ? [name.text] : []))

const namesOfGroup = (node: Node): string => specsOf(node).flatMap(namesOfSpec).join(', ')

const groupSignature =
  (word: string) =>
  (node: Node): string | null =>
    specsOf(node).length > 1 ? `${word} (${cutAt(namesOfGroup(node), maxNamesChars)})` : null

/** The spec of a declaration that has only one. */
function onlySpec(node: Node): Node | undefined {
  const specs = specsOf(node)
  return specs.length === 1 ? specs[0] : undefined
}

function typeIn(node: Node): Node | null {
  const spec = isSpec(node) ? node : onlySpec(node)
  return spec === undefined ? null : field(spec, 'type')
}

function kindOfType(node: Node): 'struct' | 'interface' | 'type' {
  const type = typeIn(node)?.type
  return type === 'struct_type' ? 'struct' : type === 'interface_type' ? 'interface' : 'type'
}

function membersOfType(node: Node): Node | null {
  const type = typeIn(node)
  if (type?.type === 'struct_type') return type.namedChild(0)
  return type?.type === 'interface_type' ? type : null
}

function endOfTypeHead(node: Node): number {
  const type = typeIn(node)
  if (type?.type === 'struct_type') return type.namedChild(0)?.startIndex ?? type.endIndex
  return type?.type === 'interface_type' ? type.startIndex + 'interface'.length : node.endIndex
}

/** `T.M`: a method stands apart from its type, often in another file, so its name includes the type. */
function nameOfMethod(node: Node): string {
  const name = field(node, 'name')?.text ?? ''
  const type = field(node, 'receiver')?.namedChild(0)
  const owner = /^\W*([\p{L}_][\p{L}\p{N}_]*)/u.exec((type && field(type, 'type')?.text) ?? '')?.[1]
  return owner === undefined ? name : `${owner}.${name}`
}

/** An embedded type is a field with the name of the type. */
function nameOfField(node: Node): string {
  const names = namesOfSpec(node)
  return names.length > 0
    ? names.join(', ')
    : (/([\p{L}\p{N}_]+)(\[.*)?$/su.exec(field(node, 'type')?.text ?? '')?.[1] ?? '')
}

export const rulesOfGo: OutlineRules = {
  declarations: {
    function_declaration: { kind: 'function' },
    method_declaration: { kind: 'method', name: nameOfMethod },
    type_declaration: {
      kind: kindOfType,
      name: namesOfGroup,
      signature: groupSignature('type'),
      signatureEnd: endOfTypeHead,
      members: (node) => (specsOf(node).length > 1 ? node : membersOfType(node)),
    },
    type_spec: { kind: kindOfType, signatureEnd: endOfTypeHead, members: membersOfType },
    type_alias: { kind: 'type' },
    const_declaration: {
      kind: 'variable',
      name: namesOfGroup,
      signature: groupSignature('const'),
      value: (node) => valueOf(onlySpec(node)),
      members: (node) => (specsOf(node).length > 1 ? node : null),
    },
    var_declaration: {
      kind: 'variable',
      name: namesOfGroup,
      signature: groupSignature('var'),
      value: (node) => valueOf(onlySpec(node)),
      members: (node) => (specsOf(node).length > 1 ? node : null),
    },
    const_spec: { kind: 'variable', name: (node) => namesOfSpec(node).join(', ') },
    var_spec: { kind: 'variable', name: (node) => namesOfSpec(node).join(', ') },
    field_declaration: { kind: 'property', name: nameOfField },
    method_elem: { kind: 'method' },
  },
  groups: new Set(['var_spec_list']),
  isExported(_node, name, owner) {
    const isMember = owner?.kind === 'struct' || owner?.kind === 'interface'
    if (isMember && !owner.exported) return false
    return name.split(', ').some((part) => part.split('.').every(isCapital))
  },
}

const valueOf = (spec: Node | undefined): Node | null => (spec === undefined ? null : field(spec, 'value'))
