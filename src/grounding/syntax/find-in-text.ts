import type { Node } from 'web-tree-sitter'

/** Enough for any file that people write. */
const maxMatches = 5_000

/**
 * The nodes at the places where a pattern matches the text. Where few places matter, this is far cheaper than a walk
 * through the whole tree. A match inside a comment or a string gives that comment or string; the caller leaves it out.
 *
 * @param pattern global, and linear in the text
 */
export function nodesMatching(root: Node, pattern: RegExp): Node[] {
  const nodes: Node[] = []
  for (const match of root.text.matchAll(pattern)) {
    const start = root.startIndex + match.index
    const node = root.descendantForIndex(start, start + match[0].length)
    if (node !== null) nodes.push(node)
    if (nodes.length >= maxMatches) break
  }
  return nodes
}

/**
 * The statements of the given types that a keyword belongs to, anywhere in the tree, in order.
 *
 * @param keyword matches the keyword alone
 */
export function statementsWith(root: Node, keyword: RegExp, types: readonly string[]): Node[] {
  const statements: Node[] = []
  for (const token of nodesMatching(root, keyword)) {
    // A comment or a name that contains the word is a named node.
    const statement = token.isNamed ? null : token.parent
    if (statement === null || !types.includes(statement.type)) continue
    // `from a import b` has two of the keywords.
    if (statements.at(-1)?.id !== statement.id) statements.push(statement)
  }
  return statements
}

/** Places of a name that are looked at before the name counts as not used. */
const maxTries = 4

/** The texts that a pattern matches, each once, if `isWanted` accepts the node at one of their places. */
export function namesMatching(root: Node, pattern: RegExp, isWanted: (node: Node) => boolean): Set<string> {
  const tries = new Map<string, number>()
  const names = new Set<string>()
  for (const match of root.text.matchAll(pattern)) {
    const [name] = match
    const tried = tries.get(name) ?? 0
    if (names.has(name) || tried >= maxTries || tries.size >= maxMatches) continue
    tries.set(name, tried + 1)
    const start = root.startIndex + match.index
    const node = root.descendantForIndex(start, start + name.length)
    if (node !== null && isWanted(node)) names.add(name)
  }
  return names
}
