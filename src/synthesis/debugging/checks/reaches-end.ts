import type { SyntaxNode } from '../../../grounding/index.js'
import { childOf, descendants, namedChildren, type Source } from '../source.js'

/** What a language allows that changes whether the end of a function can be reached. */
export interface FlowRules {
  /** Whether a call may end the program or throw, so that nothing is known of what comes after it: `exit()`, `fail()`. */
  callsMayExit: boolean
  /** Whether a `switch` without `default` may still cover every case. */
  switchMayBeExhaustive: boolean
}

/** Whether control can reach the end of a statement. */
type Reach = 'yes' | 'no' | 'unknown'

const blockTypes =
  /^(block|statement_block|compound_statement|function_body|statement_list|constructor_body|expression_statement_list)$/
const exitTypes =
  /^(return_statement|throw_statement|raise_statement|continue_statement|goto_statement|throw_expression|break_statement)$/
const loopTypes =
  /^(while_statement|for_statement|for_in_statement|do_statement|enhanced_for_statement|foreach_statement|for_each_statement|for_range_loop)$/
const wrapperTypes =
  /^(with_statement|synchronized_statement|using_statement|lock_statement|unsafe_statement|checked_statement|fixed_statement|else_clause|finally_clause|catch_clause|except_clause)$/

/** Whether control can reach the end of this statement, without leaving the function before. */
export function reachesEnd(node: SyntaxNode, source: Source, rules: FlowRules): Reach {
  if (exitTypes.test(node.type)) return 'no'
  if (blockTypes.test(node.type)) return blockReachesEnd(namedChildren(node), source, rules)
  if (node.type === 'if_statement') return ifReachesEnd(node, source, rules)
  if (/^try(_with_resources)?_statement$/.test(node.type)) return tryReachesEnd(node, source, rules)
  if (loopTypes.test(node.type)) return loopReachesEnd(node, source, rules)
  if (/switch|match|select/.test(node.type)) return switchReachesEnd(node, rules)
  if (wrapperTypes.test(node.type)) {
    const body = childOf(node, 'body') ?? namedChildren(node).at(-1)
    return body === undefined ? 'unknown' : reachesEnd(body, source, rules)
  }
  if (/expression_statement|call/.test(node.type)) return expressionReachesEnd(node, source, rules)
  return /declaration|assignment|comment|pass_statement|empty_statement|short_var|import|assert_statement|inc_statement|dec_statement|defer|delete_statement|echo/.test(
    node.type,
  )
    ? 'yes'
    : 'unknown'
}

function blockReachesEnd(statements: readonly SyntaxNode[], source: Source, rules: FlowRules): Reach {
  const reaches = statements.map((statement) => reachesEnd(statement, source, rules))
  // A statement with another one after it can end, since nobody writes code that is never reached.
  return reaches.includes('no') ? 'no' : (reaches.at(-1) ?? 'yes')
}

function expressionReachesEnd(node: SyntaxNode, source: Source, rules: FlowRules): Reach {
  const inner = node.type.endsWith('expression_statement') ? namedChildren(node)[0] : node
  if (inner === undefined) return 'yes'
  if (/throw/.test(inner.type)) return 'no'
  const isCall = /call|invocation|await/.test(inner.type)
  if (!isCall)
    return /assignment|update|string|increment|decrement|augmented|postfix|prefix/.test(inner.type) ? 'yes' : 'unknown'
  if (source.language === 'go') return /^panic\b/.test(source.textOf(inner)) ? 'no' : 'yes'
  return rules.callsMayExit ? 'unknown' : 'yes'
}

/** Whether control can reach the end of at least one branch. */
const anyReachesEnd = (reaches: readonly Reach[]): Reach =>
  reaches.includes('yes') ? 'yes' : reaches.includes('unknown') ? 'unknown' : 'no'

function ifReachesEnd(node: SyntaxNode, source: Source, rules: FlowRules): Reach {
  const then = childOf(node, 'consequence') ?? childOf(node, 'body')
  const others = node.children.filter(
    ({ field, type }) =>
      field === 'alternative' || type === 'elif_clause' || type === 'else_clause' || type === 'else_if_clause',
  )
  if (then === null) return 'unknown'
  const isWhole = others.some((branch) => !/^(elif_clause|else_if_clause)$/.test(branch.type))
  const reaches = [reachesEnd(then, source, rules), ...others.map((branch) => branchReachesEnd(branch, source, rules))]
  return isWhole ? anyReachesEnd(reaches) : 'yes'
}

function branchReachesEnd(node: SyntaxNode, source: Source, rules: FlowRules): Reach {
  const body = childOf(node, 'consequence') ?? childOf(node, 'body')
  if (node.type === 'if_statement' || body === null)
    return node.type === 'else_clause'
      ? reachesEnd(namedChildren(node).at(-1) ?? node, source, rules)
      : reachesEnd(node, source, rules)
  return reachesEnd(body, source, rules)
}

function tryReachesEnd(node: SyntaxNode, source: Source, rules: FlowRules): Reach {
  const parts = namedChildren(node)
  const last = parts.find(({ type, field }) => type === 'finally_clause' || field === 'finalizer')
  const reaches = parts
    .filter((part) => part !== last && /block|clause|handler|compound/.test(part.type))
    .map((part) => reachesEnd(part, source, rules))
  if (last !== undefined && reachesEnd(last, source, rules) === 'no') return 'no'
  const reach = anyReachesEnd(reaches)
  // Python's `else` runs after the body, so the end of the body is not yet the end of the statement.
  return reach === 'yes' && parts.some(({ type }) => type === 'else_clause') ? 'unknown' : reach
}

function loopReachesEnd(node: SyntaxNode, source: Source, rules: FlowRules): Reach {
  const condition = childOf(node, 'condition')
  const isCounted =
    /^(for_in_statement|enhanced_for_statement|foreach_statement|for_each_statement|for_range_loop)$/.test(node.type) ||
    childOf(node, 'right') !== null
  const hasRange = node.children.some(({ type }) => type === 'range_clause')
  const forClause = node.children.find(({ type }) => type === 'for_clause')
  // The iterated values may never end, and a loop of Python may have an `else`.
  if (isCounted || hasRange) return rules.callsMayExit ? 'unknown' : 'yes'
  const loopCondition = forClause === undefined ? condition : childOf(forClause, 'condition')
  // A loop without a condition does not end by itself: `for i := 0; ; i++`.
  const conditionText = loopCondition === null ? '' : source.textOf(loopCondition).replace(/^[(\s]+|[)\s;]+$/g, '')
  if (conditionText !== '' && !/^(true|1|True|TRUE)$/.test(conditionText))
    return node.type === 'do_statement' ? 'unknown' : 'yes'
  return 'unknown'
}

function switchReachesEnd(node: SyntaxNode, rules: FlowRules): Reach {
  const hasDefault = [...descendants(node)].some(({ type }) => /default/.test(type))
  if (!hasDefault) return rules.switchMayBeExhaustive || !/switch/.test(node.type) ? 'unknown' : 'yes'
  return 'unknown'
}
