import type { SyntaxNode } from '../../../grounding/index.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { childOf, descendants, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Expressions for the number of items: text after (`x.length`) or around (`len(x)`) the name of the items. */
const lengthAfter = /^(.+?)(?:\?)?\.(?:length|size\(\)|Length|Count|count|len\(\))$/s
const lengthAround = /^(?:len|count|sizeof)\(\s*(.+?)\s*\)$/s

/** Finds loops over an index that reach the number of items, and use the index on the items. */
export function checkLoops({ source }: CheckInput): Problem[] {
  return source.tree.nodes.flatMap((node) => {
    const loop =
      node.type === 'for_statement'
        ? (loopByCondition(source, node) ?? loopByRange(source, node))
        : rangeLoop(source, node)
    if (loop === null || !indexesItems(source, loop)) return []
    return [
      problemAt(
        source,
        node,
        `the loop runs ${quoteSnippet(loop.index)} up to the length of ${quoteSnippet(loop.items)}, one past its last item`,
      ),
    ]
  })
}

interface Loop {
  index: string
  items: string
  body: SyntaxNode
}

/** The items whose number the expression gives; `null` if it gives no such number. */
function itemsCounted(source: Source, node: SyntaxNode | null): string | null {
  if (node === null) return null
  const text = source.textOf(node)
  return text.length > 200 ? null : ((lengthAfter.exec(text) ?? lengthAround.exec(text))?.[1] ?? null)
}

/** `for (i = 0; i <= x.length; i++)`. */
function loopByCondition(source: Source, node: SyntaxNode): Loop | null {
  const clause = node.children.find(({ type }) => type === 'for_clause') ?? node
  const condition = childOf(clause, 'condition')
  const body = childOf(node, 'body') ?? node.children.at(-1) ?? null
  if (condition?.type !== 'binary_expression' || body === null) return null
  if (!condition.children.some(({ type }) => type === '<=')) return null
  const left = childOf(condition, 'left')
  const items = itemsCounted(source, childOf(condition, 'right'))
  return left === null || items === null ? null : { index: source.textOf(left), items, body }
}

/** `for i in range(len(x) + 1)` in Python. */
function loopByRange(source: Source, node: SyntaxNode): Loop | null {
  const [left, right, body] = [childOf(node, 'left'), childOf(node, 'right'), childOf(node, 'body')]
  if (left?.type !== 'identifier' || right?.type !== 'call' || body === null) return null
  const list = childOf(right, 'arguments')
  const given = list?.children.filter(({ isNamed }) => isNamed) ?? []
  const last = given.length === 1 ? given[0] : given.length === 2 ? given[1] : undefined
  if (source.textOf(childOf(right, 'function') as SyntaxNode) !== 'range' || last?.type !== 'binary_operator')
    return null
  if (childOf(last, 'operator')?.type !== '+' || source.textOf(childOf(last, 'right') as SyntaxNode) !== '1')
    return null
  const items = itemsCounted(source, childOf(last, 'left'))
  return items === null ? null : { index: source.textOf(left), items, body }
}

/** `for i in 0..=v.len()` in Rust. */
function rangeLoop(source: Source, node: SyntaxNode): Loop | null {
  if (node.type !== 'for_expression') return null
  const [left, right, body] = [childOf(node, 'pattern'), childOf(node, 'value'), childOf(node, 'body')]
  if (left?.type !== 'identifier' || right?.type !== 'range_expression' || body === null) return null
  if (!right.children.some(({ type }) => type === '..=')) return null
  const items = itemsCounted(source, right.children.at(-1) ?? null)
  return items === null ? null : { index: source.textOf(left), items, body }
}

/** Whether the body uses the index on the items, and never tests where they end. */
function indexesItems(source: Source, { index, items, body }: Loop): boolean {
  const text = source.textOf(body)
  const uses = [`${items}[${index}]`, `${items}.get(${index})`]
  if (!uses.some((use) => text.includes(use))) return false
  for (const node of descendants(body)) {
    if (itemsCounted(source, node) === items || node.type === 'break_statement' || node.type === 'break') return false
    const isCompared =
      /^(binary_expression|comparison_operator|boolean_operator|binary_operator)$/.test(node.type) &&
      node.children.some((child) => source.textOf(child) === index) &&
      node.children.some(({ type }) => /^[<>!=]=?=?$/.test(type))
    if (isCompared) return false
    // A test whether the item exists may end the loop.
    if (
      /^(if_statement|ternary_expression|conditional_expression|while_statement)$/.test(node.type) &&
      uses.some((use) => source.textOf(childOf(node, 'condition') ?? node).includes(use))
    )
      return false
  }
  return true
}
