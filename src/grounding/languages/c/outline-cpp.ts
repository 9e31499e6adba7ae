import type { Node } from 'web-tree-sitter'
import type { DeclarationRule, OutlineRules, Owner } from '../../outline/engine.js'
import { declarationRule, functionRule, isStatic, kindOfType, rulesOfC, templated, typeRule } from './outline.js'
import { childrenOf, field } from '../../syntax/node.js'

/** `template <...>` before a declaration: the rule of that declaration applies. */
const templateRule: DeclarationRule = {
  kind: (node, owner) => {
    const { kind } = ruleBehind(node)
    return typeof kind === 'function' ? kind(node, owner) : kind
  },
  name: (node) => ruleBehind(node).name?.(node) ?? field(templated(node), 'name')?.text ?? '',
  signatureEnd: (node) => ruleBehind(node).signatureEnd?.(node) ?? node.endIndex,
  members: (node) => ruleBehind(node).members?.(node) ?? null,
}

function ruleBehind(node: Node): DeclarationRule {
  const { type } = templated(node)
  if (Object.hasOwn(kindOfType, type)) return typeRule
  if (type === 'function_definition') return functionRule
  if (type === 'alias_declaration' || type === 'concept_definition') return { kind: 'type' }
  return type === 'declaration' || type === 'field_declaration' ? declarationRule : { kind: () => null }
}

/** The `public:`, `protected:` and `private:` marks of a class, in order. */
const marksOf = new WeakMap<Owner, { start: number; isPublic: boolean }[]>()

function isPublicMember(node: Node, owner: Owner): boolean {
  let marks = marksOf.get(owner)
  if (marks === undefined) {
    const body = typeRule.members?.(owner.node) ?? declarationRule.members?.(owner.node) ?? null
    marks = childrenOf(body)
      .filter((child) => child.type === 'access_specifier')
      .map((child) => ({ start: child.startIndex, isPublic: child.text.startsWith('public') }))
    marksOf.set(owner, marks)
  }
  const last = marks.findLast((mark) => mark.start < node.startIndex)
  return last?.isPublic ?? owner.kind !== 'class'
}

/** The rules of C and those for classes, namespaces and templates. */
export const rulesOfCpp: OutlineRules = {
  ...rulesOfC,
  declarations: {
    ...rulesOfC.declarations,
    class_specifier: typeRule,
    template_declaration: templateRule,
    namespace_definition: {
      kind: 'namespace',
      name: (node) => field(node, 'name')?.text ?? '(anonymous)',
      members: (node) => field(node, 'body'),
    },
    alias_declaration: { kind: 'type' },
    concept_definition: { kind: 'type' },
    namespace_alias_definition: { kind: 'namespace' },
  },
  isExported(node, name, owner) {
    if (owner?.exported === false || name === '(anonymous)') return false
    if (owner === null || owner.kind === 'namespace') return !isStatic(node)
    return isPublicMember(node, owner)
  },
}
