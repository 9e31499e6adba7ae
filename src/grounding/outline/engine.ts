import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../records/index.js'
import { attachComments, makeItem, type Attached } from './items.js'
import { fold, foldsWithin, signatureOfScript, withoutAssignment } from './prose.js'
import type { SourceText } from '../syntax/source-text.js'
import { childrenOf, field } from '../syntax/node.js'

type Kind = OutlineItem['kind']

/** The declaration around a member. */
export interface Owner {
  node: Node
  kind: Kind
  name: string
  exported: boolean
}

/** How an outline reads the nodes of one type. Everything but the kind has a default that suits most grammars. */
export interface DeclarationRule {
  /** `null`: this one is no declaration after all. */
  kind: Kind | ((node: Node, owner: Owner | null) => Kind | null)
  /** What it declares, several names joined by `, `; empty: it is left out. By default the field `name`. */
  name?: (node: Node) => string
  /** The signature, where it is no piece of the code. */
  signature?: (node: Node) => string | null
  /** UTF-16 index at which the signature ends. By default the start of the field `body`, else the end of the node. */
  signatureEnd?: (node: Node) => number
  /** The value that a long signature leaves out. By default the field `value`. */
  value?: (node: Node) => Node | null
  /** The node whose children may be members; `null` where there is none. By default there are no members. */
  members?: (node: Node) => Node | null
}

/** A language as the engine needs it. */
export interface OutlineRules {
  /** By node type; what is not here is no declaration. */
  declarations: Readonly<Record<string, DeclarationRule>>
  /** Node types that only group: what they hold counts as standing in their place (`#if`, `extern "C" {}`). */
  groups?: ReadonlySet<string>
  /** Whether code elsewhere can use it. */
  isExported(node: Node, name: string, owner: Owner | null): boolean
  /** The doc comments above a declaration as prose, where the language writes them in a manner of its own. */
  proseOf?: (comments: readonly string[]) => string
  /** Where the signature starts: behind attributes and annotations. By default the start of the node. */
  signatureStart?: (node: Node) => number
  /** Comments and other nodes that belong to nothing that follows them. */
  isDetached?: (node: Node) => boolean
}

const MAX_GROUP_DEPTH = 16
/** A signature up to this length keeps the value of what it declares. */
const MAX_WHOLE_CHARS = 100

/** The outline of a language from its table: walks declarations and their members, never a function's body. */
export function outlineByRules(
  rules: OutlineRules,
): (root: Node, source: SourceText, maxDepth: number) => OutlineItem[] {
  return (root, source, maxDepth) => itemsIn(rules, root, source, null, maxDepth)
}

function itemsIn(
  rules: OutlineRules,
  container: Node,
  source: SourceText,
  owner: Owner | null,
  levels: number,
): OutlineItem[] {
  if (levels <= 0) return []
  return attachComments(ungrouped(rules, container, MAX_GROUP_DEPTH), source).flatMap((attached) => {
    const item = itemOf(rules, attached, source, owner, levels)
    return item === null ? [] : [item]
  })
}

/** The children of a node, with those of groups in the groups' place. */
function ungrouped(rules: OutlineRules, container: Node, levels: number): Node[] {
  return childrenOf(container).flatMap((child) => {
    if (rules.groups?.has(child.type)) return levels > 0 ? ungrouped(rules, child, levels - 1) : []
    return rules.isDetached?.(child) ? [] : [child]
  })
}

function itemOf(
  rules: OutlineRules,
  attached: Attached,
  source: SourceText,
  owner: Owner | null,
  levels: number,
): OutlineItem | null {
  const { node, type } = attached
  const rule = Object.hasOwn(rules.declarations, type) ? rules.declarations[type] : undefined
  if (rule === undefined) return null
  const kind = typeof rule.kind === 'function' ? rule.kind(node, owner) : rule.kind
  const name = rule.name === undefined ? (field(node, 'name')?.text ?? '') : rule.name(node)
  if (kind === null || name === '') return null
  const exported = rules.isExported(node, name, owner)
  const container = rule.members?.(node) ?? null
  return makeItem(source, attached, {
    kind,
    name: fold(name),
    signature: rule.signature?.(node) ?? signatureOfNode(rules, rule, node, source),
    exported,
    ...(rules.proseOf === undefined ? {} : { doc: rules.proseOf(attached.comments) }),
    children: container === null ? [] : itemsIn(rules, container, source, { node, kind, name, exported }, levels - 1),
  })
}

function signatureOfNode(rules: OutlineRules, rule: DeclarationRule, node: Node, source: SourceText): string {
  const start = rules.signatureStart?.(node) ?? node.startIndex
  const end = rule.signatureEnd?.(node) ?? field(node, 'body')?.startIndex ?? node.endIndex
  const code = source.slice(start, end)
  if (foldsWithin(code, MAX_WHOLE_CHARS)) return withoutTail(code)
  const value = rule.value === undefined ? field(node, 'value') : rule.value(node)
  return withoutTail(value === null ? code : withoutAssignment(source.slice(start, value.startIndex)))
}

/** Without what only leads over to the body or ends the statement. */
const withoutTail = (code: string): string => signatureOfScript(code).replace(/\s?(?:[;,{]|=>?)$/, '')
