import type { Node } from 'web-tree-sitter'

/** The named children, comments included: no brackets and keywords. */
export function childrenOf(node: Node | null): Node[] {
  return node === null ? [] : node.namedChildren.filter((child) => child !== null)
}

export function field(node: Node, name: string): Node | null {
  return node.childForFieldName(name)
}

/** Enough for code that people write, and a bound for code that nests without end. */
const maxAncestors = 64

/** The nodes around a node, the innermost first. */
export function* ancestorsOf(node: Node): Generator<Node> {
  let outer = node.parent
  for (let up = 0; outer !== null && up < maxAncestors; up++) {
    yield outer
    outer = outer.parent
  }
}
