import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../records/index.js'
import { isLicenceText, proseOfComments } from './prose.js'
import type { SourceText } from '../syntax/source-text.js'

/** A declaration and what stands directly above it. */
export interface Attached {
  node: Node
  /** The node's type: asking the node crosses into WebAssembly each time. */
  type: string
  /** UTF-16 index at which the item begins: its first comment, its decorators, or the node itself. */
  start: number
  comments: string[]
}

/**
 * Joins each node with the comments (and loose decorators) directly above it: no blank line between, and no code
 * before them on their line.
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
      comments: above.filter(isComment).map((one) => one.text),
    })
    pending = []
    lastEnd = node.endIndex
  }
  return attached
}

const commentTypes = new Set(['comment', 'line_comment', 'block_comment', 'multiline_comment'])

/** Whether a node is a comment, whatever its grammar calls it. */
export const isComment = (node: Node): boolean => commentTypes.has(node.type)

/** Attributes and words to the compiler that stand beside the declaration that they belong to, and not in it. */
const looseAttributes = new Set(['decorator', 'attribute_item', 'preproc_pragma'])

/** How many line ends a comment reaches down: a block about parameters documents what follows past a blank line too. */
function reachOf(comment: Node): number {
  return /^\/\*\*[\s\S]*@(param|returns?|api|private|public|throws|class|constructor)\b/.test(comment.text) ? 2 : 1
}

/** A line comment of some grammars ends behind its line end, which counts all the same. */
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

/** Makes an outline item of a node with what is attached above it; ranges become bytes here. */
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

/** A banner that holds the name alone says nothing. */
function docAbove(attached: Attached, name: string): string {
  const doc = proseOfComments(attached.comments)
  return !doc.includes(' ') && name.includes(doc) ? '' : doc
}

/** What a file says of itself in the comments before its first declaration, past licence and directives. */
export function headComment(nodes: readonly Node[], source: SourceText): string {
  const groups: Node[][] = []
  let follower: Node | undefined
  for (const node of nodes) {
    if (beforeHead.has(node.type)) continue
    if (!isComment(node)) {
      follower = node
      break
    }
    const last = groups.at(-1)?.at(-1)
    const joins =
      last !== undefined &&
      isLineComment(last) &&
      isLineComment(node) &&
      newlinesBetween(source, last.endIndex, node.startIndex) <= 1
    if (joins) groups.at(-1)?.push(node)
    else groups.push([node])
  }
  for (const [at, group] of groups.entries()) {
    const texts = group.map((node) => node.text)
    if (texts.some(isLicenceText)) continue
    const speaksOfFile = texts.some((text) => /@(file|fileoverview|overview|module|packageDocumentation)\b/.test(text))
    const isLast = at === groups.length - 1
    const end = group.at(-1)?.endIndex ?? 0
    const belongsToNext =
      isLast &&
      follower !== undefined &&
      !leadsIn.test(follower.type) &&
      newlinesBetween(source, end, follower.startIndex) <= reachOf(group.at(-1) as Node)
    if (belongsToNext && !speaksOfFile) continue
    const prose = proseOfComments(texts)
    if (prose !== '') return prose
  }
  return ''
}

/** What may stand before the comment that speaks of the file. */
const beforeHead = new Set(['hash_bang_line', 'shebang', 'inner_attribute_item', 'php_tag'])

/** Nodes that document nothing themselves, so that a comment above them is about the file. */
const leadsIn = /^(import|future_import|import_from|package|using|use_|extern_|namespace_use|preproc_include)/

const isLineComment = (node: Node): boolean => !node.text.startsWith('/*')
