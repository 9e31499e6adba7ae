import type { TreeCursor } from 'web-tree-sitter'
import { supportOf, type SourceLanguage } from '../languages/table.js'
import { withTree } from '../syntax/node.js'

/** A node of a syntax tree that outlives the parser; indices are UTF-16 units of the file's text. */
export interface SyntaxNode {
  type: string
  /** Part of the grammar's meaning, and no bracket or keyword. */
  isNamed: boolean
  /** What it is to its parent, where the grammar says so. */
  field: string | null
  start: number
  end: number
  /** Put in by the parser, since the text lacks it. */
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

/** Enough for files that people write; a larger or deeper tree is of no use to who walks it. */
const MAX_NODES = 400_000
const MAX_DEPTH = 800

/**
 * The tree of a file; of its repaired text where that alone parses. `null` where the language has no grammar, the tree
 * is past the bounds, or the parser fails.
 */
export async function readSyntaxTree(language: SourceLanguage, text: string): Promise<SyntaxTree | null> {
  const support = supportOf(language)
  if (support === undefined) return null
  try {
    const seen = support.prepare?.(text) ?? text
    const tree = await copyTree(support.grammar, seen)
    if (tree === null || !tree.hasError) return tree
    for (const repair of support.repairs?.(seen) ?? []) {
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

/** `null` past the bounds. Walks without recursion, since a hostile file nests as deep as it likes. */
function copyNodes(cursor: TreeCursor): SyntaxNode[] | null {
  const nodes: SyntaxNode[] = []
  let parent: SyntaxNode | null = null
  for (let depth = 0; ;) {
    const node: SyntaxNode = copyNode(cursor, parent)
    nodes.push(node)
    parent?.children.push(node)
    if (nodes.length > MAX_NODES || depth > MAX_DEPTH) return null
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
