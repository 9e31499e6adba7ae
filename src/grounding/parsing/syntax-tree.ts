import type { TreeCursor } from 'web-tree-sitter'
import { rowOf, type SourceLanguage } from '../languages/table.js'
import { withTree } from './parser.js'

/** A node of a syntax tree that is independent of the parser; indices are UTF-16 units of the file's text. */
export interface SyntaxNode {
  type: string
  /** A named node of the grammar: no bracket and no keyword. */
  isNamed: boolean
  /** The name of its field in the parent, where the grammar gives one. */
  field: string | null
  start: number
  end: number
  /** Added by the parser, since the text lacks it. */
  isMissing: boolean
  parent: SyntaxNode | null
  children: SyntaxNode[]
}

export interface SyntaxTree {
  root: SyntaxNode
  /** All nodes, each before its children. */
  nodes: SyntaxNode[]
  hasError: boolean
}

/** Enough for files that people write; a larger or deeper tree is too slow to walk. */
const maxNodes = 400_000
const maxDepth = 800

/**
 * The tree of a file; of its repaired text where only that parses. `null` where the tree is larger than the bounds, or
 * the parser fails.
 */
export async function readSyntaxTree(language: SourceLanguage, text: string): Promise<SyntaxTree | null> {
  const { support } = rowOf(language)
  try {
    const prepared = support.prepare?.(text) ?? text
    const tree = await copyTree(support.grammar, prepared)
    if (tree === null || !tree.hasError) return tree
    for (const repair of support.repairs?.(prepared) ?? []) {
      const again = await copyTree(repair.grammar, repair.text)
      if (again !== null && !again.hasError) return again
    }
    return tree
  } catch {
    return null
  }
}

function copyTree(grammar: string, text: string): Promise<SyntaxTree | null> {
  return withTree(grammar, text, (tree) => {
    const cursor = tree.walk()
    const nodes = copyNodes(cursor)
    cursor.delete()
    const [root] = nodes ?? []
    return nodes === null || root === undefined ? null : { root, nodes, hasError: tree.rootNode.hasError }
  })
}

/** `null` beyond the bounds. Walks without recursion, since a hostile file may nest to any depth. */
function copyNodes(cursor: TreeCursor): SyntaxNode[] | null {
  const nodes: SyntaxNode[] = []
  let parent: SyntaxNode | null = null
  for (let depth = 0; ;) {
    const node: SyntaxNode = copyNode(cursor, parent)
    nodes.push(node)
    parent?.children.push(node)
    if (nodes.length > maxNodes || depth > maxDepth) return null
    if (cursor.gotoFirstChild()) {
      parent = node
      depth++
      continue
    }
    while (!cursor.gotoNextSibling()) {
      if (!cursor.gotoParent()) return nodes
      parent = outerOf(parent)
      depth--
    }
  }
}

const outerOf = (node: SyntaxNode | null): SyntaxNode | null => node?.parent ?? null

function copyNode(cursor: TreeCursor, parent: SyntaxNode | null): SyntaxNode {
  return {
    type: cursor.nodeType,
    isNamed: cursor.nodeIsNamed,
    field: cursor.currentFieldName,
    start: cursor.startIndex,
    end: cursor.endIndex,
    isMissing: cursor.nodeIsMissing,
    parent,
    children: [],
  }
}
