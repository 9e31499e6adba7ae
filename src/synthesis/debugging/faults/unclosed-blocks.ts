import type { Change } from '../change.js'
import { quoteSnippet } from '../problem.js'
import type { Source } from '../source.js'

/** Leaves out a closing bracket, an `end` of Ruby or a colon of Python. */
export function unclosedBlocks(source: Source): Change[] {
  return source.tree.nodes.flatMap((node) => {
    const isClosing = /^[)\]}]$/.test(node.type) || (node.type === 'end' && source.language === 'ruby')
    const isColon =
      node.type === ':' &&
      source.language === 'python' &&
      /_(statement|definition|clause)$/.test(node.parent?.type ?? '')
    if (node.isNamed || node.end === node.start || (!isClosing && !isColon)) return []
    const text = source.textOf(node)
    const line = source.text.slice(source.text.lastIndexOf('\n', node.start - 1) + 1, node.end)
    return [
      {
        start: node.start,
        end: node.end,
        text: '',
        detail: `${quoteSnippet(text)} is missing after ${quoteSnippet(line.slice(0, -text.length))}`,
      },
    ]
  })
}
