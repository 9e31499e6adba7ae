import type { SyntaxNode } from '../../../grounding/index.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { isComment, type Source } from '../source.js'

/** More would not help: after the first syntax error, a parser mostly reports errors that follow from it. */
const maxSyntaxProblems = 3

/** Finds the places where the file does not parse. */
export function checkSyntax(source: Source): Problem[] {
  if (!source.tree.hasError) return []
  const problems: Problem[] = []
  for (const node of source.tree.nodes) {
    const text = messageFor(source, node)
    if (text !== null) problems.push(problemAt(source, firstOf(node), text))
    if (problems.length === maxSyntaxProblems) break
  }
  return problems.length > 0 ? problems : [{ line: 1, text: 'syntax error' }]
}

/** The first node of an error that is no comment. */
function firstOf(node: SyntaxNode): SyntaxNode {
  return node.type === 'ERROR' ? (node.children.find((child) => !isComment(child)) ?? node) : node
}

function messageFor(source: Source, node: SyntaxNode): string | null {
  if (node.isMissing) return `syntax error: ${node.type === '' ? 'something' : quoteSnippet(node.type)} is missing`
  if (node.type !== 'ERROR') return null
  const isWide = node.end - node.start > 200
  const [line] = source.text.slice(firstOf(node).start, node.end).trim().split('\n')
  if (line === undefined || line === '') return 'syntax error'
  return isWide
    ? `syntax error: what begins with ${quoteSnippet(line)} does not end`
    : `syntax error at ${quoteSnippet(line)}`
}
