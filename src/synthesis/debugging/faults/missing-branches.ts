import type { SyntaxNode } from '../../../grounding/index.js'
import type { Change } from '../change.js'
import { quoteSnippet } from '../problem.js'
import { namedChildren, type Source } from '../source.js'

const maxBranchChars = 1_500

/** Leaves out the lines of a `return` at the end of a block, an `else`, or an `if` between other statements. */
export function missingBranches(source: Source): Change[] {
  return source.tree.nodes.flatMap((node) => {
    if (node.end - node.start > maxBranchChars) return []
    if (node.type === 'return_statement' && isAtEnd(node)) return leaveOutLines(source, node.start, node.end)
    if (node.type === 'if_statement' && isBetween(node)) return leaveOutLines(source, node.start, node.end)
    // `} else {` begins within a line, so only the clause itself is left out.
    if (/^(else_clause|elif_clause)$/.test(node.type)) {
      const isPython = source.language === 'python'
      const start = isPython ? node.start : lineTextStart(source, node.start)
      return isPython
        ? leaveOutLines(source, start, node.end)
        : [{ start, end: node.end, text: '', detail: `left out: ${quoteSnippet(source.textOf(node))}` }]
    }
    return []
  })
}

const isAtEnd = (node: SyntaxNode): boolean => {
  const siblings = node.parent === null ? [] : namedChildren(node.parent)
  return siblings.length > 1 && siblings.at(-1) === node
}

const isBetween = (node: SyntaxNode): boolean => {
  const siblings = node.parent === null ? [] : namedChildren(node.parent)
  return siblings.length > 2 && /block|body|compound/.test(node.parent?.type ?? '')
}

function lineTextStart(source: Source, at: number): number {
  let start = at
  while (start > 0 && /[ \t]/.test(source.text.charAt(start - 1))) start--
  return start
}

/** Leaves out the lines of a statement, if no other code is on them. */
function leaveOutLines(source: Source, from: number, to: number): Change[] {
  const start = source.text.lastIndexOf('\n', from - 1) + 1
  const next = source.text.indexOf('\n', to)
  const end = next < 0 ? source.text.length : next + 1
  const isAlone = source.text.slice(start, from).trim() === '' && /^[;\s]*$/.test(source.text.slice(to, end))
  return isAlone && next >= 0
    ? [{ start, end, text: '', detail: `left out: ${quoteSnippet(source.text.slice(from, to))}` }]
    : []
}
