import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../records/index.js'
import { isLicenceText, proseOfComments } from './prose.js'
import type { SourceText } from './source-text.js'

/** A declaration and what stands directly above it. */
export interface Attached {
  node: Node
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
    if (node.type === 'comment' || node.type === 'decorator') {
      const isTrailing = attached.length > 0 && newlinesBetween(source, lastEnd, node.startIndex) === 0
      if (isTrailing && node.type === 'comment' && pending.length === 0) continue
      if (!isAdjacent) pending = []
      pending.push(node)
      continue
    }
    const above = isAdjacent ? withoutLicence(pending) : []
    attached.push({
      node,
      start: above[0]?.startIndex ?? node.startIndex,
      comments: above.filter((one) => one.type === 'comment').map((one) => one.text),
    })
    pending = []
    lastEnd = node.endIndex
  }
  return attached
}

/** How many line ends a comment reaches down: a block about parameters documents what follows past a blank line too. */
function reachOf(comment: Node): number {
  return /^\/\*\*[\s\S]*@(param|returns?|api|private|public|throws|class|constructor)\b/.test(comment.text) ? 2 : 1
}

function newlinesBetween(source: SourceText, start: number, end: number): number {
  return source.slice(start, end).split('\n').length - 1
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
    if (node.type === 'hash_bang_line') continue
    if (node.type !== 'comment') {
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
      !/^(import|future_import|import_from)/.test(follower.type) &&
      newlinesBetween(source, end, follower.startIndex) <= reachOf(group.at(-1) as Node)
    if (belongsToNext && !speaksOfFile) continue
    const prose = proseOfComments(texts)
    if (prose !== '') return prose
  }
  return ''
}

const isLineComment = (node: Node): boolean => !node.text.startsWith('/*')
