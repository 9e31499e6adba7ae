import type { Change } from '../change.js'
import { quoteSnippet } from '../problem.js'
import { childOf, type Source } from '../source.js'

/** Lets a loop over an index run one step too far. */
export function offByOnes(source: Source): Change[] {
  return source.tree.nodes.flatMap((node): Change[] => {
    if (node.type === 'for_statement' || node.type === 'for_clause') {
      const condition = childOf(node, 'condition')
      const less =
        condition?.type === 'binary_expression' ? condition.children.find(({ type }) => type === '<') : undefined
      if (condition !== null && less !== undefined) {
        return [
          {
            start: less.start,
            end: less.end,
            text: '<=',
            detail: `the loop runs while ${quoteSnippet(source.textOf(condition).replace('<', '<='))}`,
          },
        ]
      }
    }
    if (node.type === 'call' && source.textOf(childOf(node, 'function') ?? node) === 'range') {
      const last = childOf(node, 'arguments')
        ?.children.filter(({ isNamed }) => isNamed)
        .at(-1)
      const isLength = last?.type === 'call' && /^len\(/.test(source.textOf(last))
      if (last !== undefined && isLength) {
        return [
          {
            start: last.end,
            end: last.end,
            text: ' + 1',
            detail: `the loop runs over range(${quoteSnippet(source.textOf(last))} + 1)`,
          },
        ]
      }
    }
    if (node.type !== 'range_expression') return []
    const dots = node.children.find(({ type }) => type === '..')
    return dots === undefined
      ? []
      : [
          {
            start: dots.start,
            end: dots.end,
            text: '..=',
            detail: `the loop runs over ${quoteSnippet(source.textOf(node).replace('..', '..='))}`,
          },
        ]
  })
}
