import type { Node } from 'web-tree-sitter'
import { plainProse } from '../../outline/prose.js'
import { beginningOf, cutAtSentence } from '../../outline/text.js'
import { childrenOf } from '../../syntax/node.js'

/** The literal of the docstring of a module, class or function; `null` where it has none. */
export function docstringOf(body: Node | null): string | null {
  const first = childrenOf(body).find((child) => child.type !== 'comment')
  const literal = first?.type === 'expression_statement' ? first.namedChild(0) : null
  return literal?.type === 'string' || literal?.type === 'concatenated_string' ? literal.text : null
}

/** A docstring as prose, from its literal: prefix, quotes and sections such as `Args:` removed. */
export function proseOfDocstring(literal: string): string {
  const inner = beginningOf(literal)
    .replace(/^[a-zA-Z]*("""|'''|"|')/, '')
    .replace(/("""|'''|"|')$/, '')
  const unescaped = inner.replace(/\\\n/g, '').replace(/\\(["'\\])/g, '$1')
  const body = unescaped.split(
    /\n[ \t]*(?:(?:Args|Arguments|Parameters|Returns|Raises|Yields|Examples?)\s*:?\s*\n|:param |:return|>>>)/,
  )[0]
  return cutAtSentence(plainProse(body ?? ''))
}
