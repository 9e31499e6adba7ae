import type { Change } from '../change.js'
import { quoteSnippet } from '../problem.js'
import { namedChildren, type Source } from '../source.js'

/** Leaves out an `await`. */
export function droppedAwaits(source: Source): Change[] {
  return source.tree.nodes.flatMap((node) => {
    const value = namedChildren(node)[0]
    const isAwait = /^(await|await_expression)$/.test(node.type) && node.isNamed
    if (!isAwait || value === undefined || value.start <= node.start) return []
    return [
      { start: node.start, end: value.start, text: '', detail: `${quoteSnippet(source.textOf(value))} is not awaited` },
    ]
  })
}
