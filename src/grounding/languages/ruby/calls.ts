import type { Node } from 'web-tree-sitter'
import { childrenOf, field } from '../../syntax/node.js'

/** The symbols among the arguments of a call. */
export const symbolsOf = (call: Node): string[] =>
  childrenOf(field(call, 'arguments')).flatMap((argument) =>
    argument.type === 'simple_symbol' ? [argument.text.slice(1)] : [],
  )

/** The call of `X = Struct.new(:a)` and the like, which makes a class; `null` for other assignments. */
export function newClass(assignment: Node): Node | null {
  const right = field(assignment, 'right')
  const isNew = right?.type === 'call' && /^(new|define)$/.test(field(right, 'method')?.text ?? '')
  return isNew && /^(Struct|Class|Module|Data)$/.test(field(right, 'receiver')?.text ?? '') ? right : null
}

/** The body of the block of `X = Struct.new(:a) do ... end`. */
export function classBody(assignment: Node): Node | null {
  const made = newClass(assignment)
  const block = made === null ? null : field(made, 'block')
  return block === null ? null : field(block, 'body')
}
