import type { Node } from 'web-tree-sitter'

/** Enough for any file that people write. */
const MAX_MATCHES = 5_000

/**
 * The nodes that begin where a pattern matches the text: far cheaper than a walk through the whole tree where few
 * places matter. What stands in a comment or a string is a node of that type, for the caller to leave out.
 *
 * @param pattern global, and linear in the text
 */
export function nodesMatching(root: Node, pattern: RegExp): Node[] {
  const nodes: Node[] = []
  for (const match of root.text.matchAll(pattern)) {
    const start = root.startIndex + match.index
    const node = root.descendantForIndex(start, start + match[0].length)
    if (node !== null) nodes.push(node)
    if (nodes.length >= MAX_MATCHES) break
  }
  return nodes
}

/**
 * The statements of the given types that a keyword opens, anywhere in the tree, in order.
 *
 * @param keyword matches the keyword alone
 */
export function statementsWith(root: Node, keyword: RegExp, types: readonly string[]): Node[] {
  const statements: Node[] = []
  for (const token of nodesMatching(root, keyword)) {
    // A comment or a name that holds the word is a named node.
    const statement = token.isNamed ? null : token.parent
    if (statement === null || !types.includes(statement.type)) continue
    // `from a import b` has two of the keywords.
    if (statements.at(-1)?.id !== statement.id) statements.push(statement)
  }
  return statements
}

/** Places of one name that are looked at before it counts as not used. */
const MAX_TRIES = 4

/** The texts that a pattern matches, each once, where a node says that it is what is looked for. */
export function namesMatching(root: Node, pattern: RegExp, isWanted: (node: Node) => boolean): Set<string> {
  const tries = new Map<string, number>()
  const names = new Set<string>()
  for (const match of root.text.matchAll(pattern)) {
    const [name] = match
    const tried = tries.get(name) ?? 0
    if (names.has(name) || tried >= MAX_TRIES || tries.size >= MAX_MATCHES) continue
    tries.set(name, tried + 1)
    const start = root.startIndex + match.index
    const node = root.descendantForIndex(start, start + name.length)
    if (node !== null && isWanted(node)) names.add(name)
  }
  return names
}
