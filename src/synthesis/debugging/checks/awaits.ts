import type { SyntaxNode } from '../../../grounding/index.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { ancestors, childOf, isScript, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

const functionTypes =
  /^(function|method_definition|method_declaration|arrow_function|generator_function|lambda|local_function)/

/** How many calls are checked: for some of them the check goes over the whole file. */
const maxCalls = 200

/** Finds calls of `async` functions, inside `async` functions, that are not awaited. */
export function checkAwaits({ source, calls }: CheckInput): Problem[] {
  return calls
    .filter(({ callee }) => callee.isAsync)
    .slice(0, maxCalls)
    .flatMap(({ node, callee }) => {
      if (!isInAsync(node)) return []
      const use = misuse(source, node)
      return use === null
        ? []
        : [problemAt(source, node, `${quoteSnippet(callee.name)} is async, and its call is ${use}`)]
    })
}

const isInAsync = (node: SyntaxNode): boolean =>
  [...ancestors(node)].find(({ type }) => functionTypes.test(type))?.children.some(({ type }) => type === 'async') ===
  true

/** How the call uses a promise as if it were its value; `null` if the use may be intended. */
function misuse(source: Source, call: SyntaxNode): string | null {
  const { parent, field } = call
  if (parent === null) return null
  if (parent.type === 'expression_statement') return 'not awaited'
  if (source.language !== 'python' && !isScript(source.language)) return null
  if (parent.type === 'member_expression' && field === 'object') {
    const name = childOf(parent, 'property')
    return name !== null && /^(then|catch|finally)$/.test(source.textOf(name)) ? null : 'used without being awaited'
  }
  const isUsedAsValue =
    (parent.type === 'attribute' && field === 'object') ||
    (parent.type === 'subscript' && field === 'value') ||
    (parent.type === 'subscript_expression' && field === 'object') ||
    (parent.type === 'variable_declarator' && /^(object|array)_pattern$/.test(childOf(parent, 'name')?.type ?? '')) ||
    (parent.type === 'assignment' && field === 'right' && childOf(parent, 'left')?.type === 'pattern_list') ||
    (parent.type === 'if_statement' && field === 'condition') ||
    (parent.type === 'parenthesized_expression' && parent.parent?.type === 'if_statement') ||
    (/^(for_statement|for_in_statement|for_in_clause)$/.test(parent.type) &&
      field === 'right' &&
      !parent.children.some(({ type }) => type === 'await' || type === 'async')) ||
    (/^(not_operator|comparison_operator|binary_operator|binary_expression)$/.test(parent.type) &&
      !parent.children.some(({ type }) => /^(\?\?|\|\||&&)$/.test(type)))
  return isUsedAsValue ? 'used without being awaited' : misuseOfVariable(source, parent, field)
}

/** `const x = f()` with a later `x.y`, if `x` is never awaited. */
function misuseOfVariable(source: Source, holder: SyntaxNode, field: string | null): string | null {
  const isScriptHolder = holder.type === 'variable_declarator' && field === 'value'
  const isPythonHolder = holder.type === 'assignment' && field === 'right'
  const name = isScriptHolder ? childOf(holder, 'name') : isPythonHolder ? childOf(holder, 'left') : null
  const scope = [...ancestors(holder)].find(({ type }) => functionTypes.test(type))
  if (name?.type !== 'identifier' || scope === undefined) return null
  const text = source.textOf(name)
  let hasMemberUse = false
  for (const node of source.tree.nodes) {
    if (node.type !== 'identifier' || node === name || source.textOf(node) !== text) continue
    const { parent } = node
    const member = parent === null ? null : (childOf(parent, 'property') ?? childOf(parent, 'attribute'))
    const isMember = (parent?.type === 'member_expression' || parent?.type === 'attribute') && node.field === 'object'
    const isOther =
      !isMember ||
      member === null ||
      /^(then|catch|finally|cancel|close|send|throw|add_done_callback|done|result)$/.test(source.textOf(member))
    if (isOther) return null
    hasMemberUse = true
  }
  return hasMemberUse ? 'used without being awaited' : null
}
