import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../records/index.js'
import type { SourceText } from '../syntax/source-text.js'
import { isLicenceText, proseOfComments } from './comments.js'

/** A declaration and the comments directly above it. */
export interface Attached {
  node: Node
  /** The node's type, kept here because every read of it from the node crosses into WebAssembly. */
  type: string
  /** UTF-16 index at which the item begins: its first comment, its decorators, or the node itself. */
  start: number
  comments: string[]
}

/**
 * Joins each node with the comments (and loose decorators) directly above it: with no blank line between, and no code
 * before the comments on their line.
 */
export function attachComments(nodes: readonly Node[], source: SourceText): Attached[] {
  const attached: Attached[] = []
  let pending: Node[] = []
  let lastEnd = 0
  for (const node of nodes) {
    const gap = pending.at(-1) ?? null
    const isAdjacent = gap !== null && newlinesBetween(source, gap.endIndex, node.startIndex) <= reachOf(gap)
    const { type } = node
    if (commentTypes.has(type) || looseAttributes.has(type)) {
      const isTrailing = attached.length > 0 && newlinesBetween(source, lastEnd, node.startIndex) === 0
      if (isTrailing && commentTypes.has(type) && pending.length === 0) continue
      if (!isAdjacent) pending = []
      pending.push(node)
      continue
    }
    const above = isAdjacent ? withoutLicence(pending) : []
    attached.push({
      node,
      type,
      start: above[0]?.startIndex ?? node.startIndex,
      comments: above.filter(isComment).map((comment) => comment.text),
    })
    pending = []
    lastEnd = node.endIndex
  }
  return attached
}

const commentTypes = new Set(['comment', 'line_comment', 'block_comment', 'multiline_comment'])

/** Whether a node is a comment, whatever its grammar calls it. */
export const isComment = (node: Node): boolean => commentTypes.has(node.type)

/** Attributes and compiler directives that stand beside their declaration, not inside it. */
const looseAttributes = new Set(['decorator', 'attribute_item', 'preproc_pragma'])

/** How many line ends may follow a comment: a block about parameters documents the code after a blank line too. */
function reachOf(comment: Node): number {
  return /^\/\*\*[\s\S]*@(param|returns?|api|private|public|throws|class|constructor)\b/.test(comment.text) ? 2 : 1
}

/** Counts line ends. In some grammars a line comment includes its line end, which counts too. */
function newlinesBetween(source: SourceText, start: number, end: number): number {
  const from = start > 0 && source.text[start - 1] === '\n' ? start - 1 : start
  let count = 0
  for (let at = source.text.indexOf('\n', from); at >= 0 && at < end; at = source.text.indexOf('\n', at + 1)) count++
  return count
}

function withoutLicence(comments: Node[]): Node[] {
  const first = comments[0]
  const isHead = first !== undefined && first.startIndex < 200 && isLicenceText(first.text)
  if (!isHead) return comments
  return first.text.startsWith('/*') ? comments.slice(1) : []
}

export interface ItemParts {
  kind: OutlineItem['kind']
  name: string
  signature: string
  exported: boolean
  children?: OutlineItem[]
  doc?: string
}

/** Makes an outline item from a node and its comments; turns UTF-16 ranges into byte ranges. */
export function makeItem(source: SourceText, attached: Attached, parts: ItemParts): OutlineItem {
  return {
    kind: parts.kind,
    name: parts.name,
    signature: parts.signature,
    doc: parts.doc ?? docAbove(attached, parts.name),
    start: source.byteAt(attached.start),
    end: source.byteAt(source.endOfLineFrom(attached.node.endIndex)),
    exported: parts.exported,
    children: parts.children ?? [],
  }
}

/** The comments above as prose; empty for a banner that only repeats the name. */
function docAbove(attached: Attached, name: string): string {
  const doc = proseOfComments(attached.comments)
  return !doc.includes(' ') && name.includes(doc) ? '' : doc
}

/** The description of a file: the first comment before its first declaration that is no licence and no directive. */
export function headComment(nodes: readonly Node[], source: SourceText): string {
  const { groups, follower } = commentsAtHead(nodes, source)
  for (const group of groups) {
    const texts = group.map((node) => node.text)
    if (texts.some(isLicenceText)) continue
    const isAboutFile = texts.some((text) => /@(file|fileoverview|overview|module|packageDocumentation)\b/.test(text))
    const isLast = group === groups.at(-1)
    if (isLast && !isAboutFile && documents(group, follower, source)) continue
    const prose = proseOfComments(texts)
    if (prose !== '') return prose
  }
  return ''
}

/** The comments before the first other node, adjacent line comments in one group; and that node. */
function commentsAtHead(nodes: readonly Node[], source: SourceText): { groups: Node[][]; follower: Node | undefined } {
  const groups: Node[][] = []
  for (const node of nodes) {
    if (beforeHead.has(node.type)) continue
    if (!isComment(node)) return { groups, follower: node }
    const last = groups.at(-1)?.at(-1)
    const joins =
      last !== undefined &&
      isLineComment(last) &&
      isLineComment(node) &&
      newlinesBetween(source, last.endIndex, node.startIndex) <= 1
    if (joins) groups.at(-1)?.push(node)
    else groups.push([node])
  }
  return { groups, follower: undefined }
}

/** Whether comments are the documentation of the node after them, and not of the file. */
function documents(comments: readonly Node[], follower: Node | undefined, source: SourceText): boolean {
  const last = comments.at(-1)
  if (last === undefined || follower === undefined || undocumented.test(follower.type)) return false
  return newlinesBetween(source, last.endIndex, follower.startIndex) <= reachOf(last)
}

/** Nodes that may stand before the comment about the file. */
const beforeHead = new Set(['hash_bang_line', 'shebang', 'inner_attribute_item', 'php_tag'])

/** Nodes that nobody documents, so a comment above them is about the file. */
const undocumented = /^(import|future_import|import_from|package|using|use_|extern_|namespace_use|preproc_include)/

const isLineComment = (node: Node): boolean => !node.text.startsWith('/*')
