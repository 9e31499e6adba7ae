import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../records/index.js'
import { childrenOf, field } from '../syntax/node.js'
import type { SourceText } from '../syntax/source-text.js'
import { attachComments, makeItem, type Attached } from './items.js'
import { signatureOfCode, withoutAssignment } from './signature.js'
import { fold, foldsWithin } from './text.js'

type Kind = OutlineItem['kind']

/** The declaration around a member. */
export interface Owner {
  node: Node
  kind: Kind
  name: string
  exported: boolean
}

/** How to read the nodes of one type. Everything except the kind has a default that suits most grammars. */
export interface DeclarationRule {
  /** `null` if this node is no declaration after all. */
  kind: Kind | ((node: Node, owner: Owner | null) => Kind | null)
  /** The declared name, or several joined by `, `; a node with an empty name is left out. By default the field `name`. */
  name?: (node: Node) => string
  /** The signature, where it is not a part of the code; `null` where it is. */
  signature?: (node: Node) => string | null
  /** UTF-16 index at which the signature ends. By default the start of the field `body`, else the end of the node. */
  signatureEnd?: (node: Node) => number
  /** The value, which a long signature leaves out. By default the field `value`. */
  value?: (node: Node) => Node | null
  /** The node whose children may be members; `null` if there is none. By default there are no members. */
  members?: (node: Node) => Node | null
}

/** How to outline the files of a language. */
export interface OutlineRules {
  /** By node type; nodes of other types are no declarations. */
  declarations: Readonly<Record<string, DeclarationRule>>
  /** Node types that only group (`#if`, `extern "C" {}`): their children count as children of the node around them. */
  groups?: ReadonlySet<string>
  /** Whether other files can use it. */
  isExported(node: Node, name: string, owner: Owner | null): boolean
  /** Turns the comments above a declaration into prose, for a language with its own markup for doc comments. */
  proseOf?: (comments: readonly string[]) => string
  /** UTF-16 index at which the signature starts, after attributes and annotations. By default the start of the node. */
  signatureStart?: (node: Node) => number
  /** Whether a comment or another node does not belong to the declaration after it. */
  isDetached?: (node: Node) => boolean
}

const maxGroupDepth = 16
/** A signature up to this length keeps the declared value. */
const maxWholeChars = 100

/** Makes the outline function of a language: it walks declarations and their members, never a function's body. */
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
  return attachComments(ungrouped(rules, container, maxGroupDepth), source).flatMap((attached) => {
    const item = itemOf(rules, attached, source, owner, levels)
    return item === null ? [] : [item]
  })
}

/** The children of a node, with every group replaced by its children. */
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
  if (foldsWithin(code, maxWholeChars)) return withoutTail(code)
  const value = rule.value === undefined ? field(node, 'value') : rule.value(node)
  return withoutTail(value === null ? code : withoutAssignment(source.slice(start, value.startIndex)))
}

/** Without the characters that lead to the body or end the statement. */
const withoutTail = (code: string): string => signatureOfCode(code).replace(/\s?(?:[;,{]|=>?)$/, '')
