import type { SyntaxNode } from '../../../grounding/index.js'
import { problemAt, shown, type Problem } from '../problem.js'
import { childOf, namedChildren, descendants, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Where a language says what a function returns, and what says that it returns nothing or something unknown. */
interface ReturnTable {
  functions: readonly string[]
  typeField: string
  nothing: RegExp
  /** A call at the end may never come back: `exit()`, `fail()`. */
  mayNotComeBack: boolean
  /** A `switch` without `default` may still have every case. */
  mayBeExhaustive: boolean
}

const script: ReturnTable = {
  functions: ['function_declaration', 'method_definition', 'arrow_function', 'function_expression'],
  typeField: 'return_type',
  nothing:
    /\b(void|undefined|any|unknown|never|asserts|Generator|AsyncGenerator|Iterator|Iterable\w*|AsyncIter\w*|is)\b/,
  mayNotComeBack: true,
  mayBeExhaustive: true,
}

const cFamily: ReturnTable = {
  functions: ['function_definition'],
  typeField: 'type',
  nothing: /\b(void|auto|noreturn)\b|^[A-Z_]+$/,
  mayNotComeBack: true,
  mayBeExhaustive: true,
}

const tables: Readonly<Record<string, ReturnTable>> = {
  typescript: script,
  tsx: script,
  python: {
    functions: ['function_definition'],
    typeField: 'return_type',
    nothing:
      /\b(None|Optional|Any|object|NoReturn|Never|Iterator|Iterable|Generator|AsyncIterator|AsyncGenerator|AsyncIterable|ContextManager)\b/,
    mayNotComeBack: true,
    mayBeExhaustive: true,
  },
  go: {
    functions: ['function_declaration', 'method_declaration', 'func_literal'],
    typeField: 'result',
    nothing: /^$/,
    mayNotComeBack: false,
    mayBeExhaustive: false,
  },
  java: {
    functions: ['method_declaration'],
    typeField: 'type',
    nothing: /^void$/,
    mayNotComeBack: false,
    mayBeExhaustive: true,
  },
  csharp: {
    functions: ['method_declaration', 'local_function_statement'],
    typeField: 'returns',
    nothing: /\b(void|Task|ValueTask|IEnumerable|IEnumerator|IAsyncEnumerable|IAsyncEnumerator)\b(?!<)/,
    mayNotComeBack: false,
    mayBeExhaustive: true,
  },
  c: cFamily,
  cpp: cFamily,
  php: {
    functions: ['function_definition', 'method_declaration'],
    typeField: 'return_type',
    nothing: /\b(void|never|mixed|null|iterable|Generator|Iterator|Traversable|static)\b|\?/i,
    mayNotComeBack: true,
    mayBeExhaustive: true,
  },
}

/** Functions that say what they return, return it on some ways, and on another run into their end. */
export function checkReturns({ source }: CheckInput): Problem[] {
  const table = tables[source.language]
  if (table === undefined) return []
  return source.tree.nodes.flatMap((node) => {
    if (!table.functions.includes(node.type)) return []
    const [type, body] = [childOf(node, table.typeField), childOf(node, 'body')]
    if (type === null || body === null || table.nothing.test(source.textOf(type).replace(/^\s*:\s*/, ''))) return []
    if (!/block|body|compound/.test(body.type) || isGenerator(node) || !returnsValue(body)) return []
    if (wayOut(body, source, table) !== 'open') return []
    // The end of C's `main` is a `return 0`.
    const name = childOf(node, 'name') ?? childOf(childOf(node, 'declarator'), 'declarator')
    if (table === cFamily && name !== null && source.textOf(name) === 'main') return []
    return [
      problemAt(
        source,
        node,
        `${name === null ? 'a function' : shown(source.textOf(name))} returns a value on some ways, and on another runs into its end`,
      ),
    ]
  })
}

const functionTypes =
  /^(function|method|arrow_function|generator_function|func_literal|lambda|local_function|closure|anonymous_function|class_)/

/** All nodes of a body that belong to no inner function. */
function* ownNodes(body: SyntaxNode): Generator<SyntaxNode> {
  const pending = [...body.children]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield next
    if (!functionTypes.test(next.type)) pending.push(...next.children)
  }
}

function returnsValue(body: SyntaxNode): boolean {
  for (const node of ownNodes(body)) if (node.type === 'return_statement' && namedChildren(node).length > 0) return true
  return false
}

function isGenerator(node: SyntaxNode): boolean {
  for (const inner of ownNodes(node)) if (/^(yield|yield_\w+|\*)$/.test(inner.type)) return true
  return false
}

/** Whether control can come to the end of a statement: surely, surely not, or that cannot be told. */
type Way = 'open' | 'closed' | 'unknown'

const blockTypes =
  /^(block|statement_block|compound_statement|function_body|statement_list|constructor_body|expression_statement_list)$/
const closedTypes =
  /^(return_statement|throw_statement|raise_statement|continue_statement|goto_statement|throw_expression|break_statement)$/
const loopTypes =
  /^(while_statement|for_statement|for_in_statement|do_statement|enhanced_for_statement|foreach_statement|for_each_statement|for_range_loop)$/
const holdTypes =
  /^(with_statement|synchronized_statement|using_statement|lock_statement|unsafe_statement|checked_statement|fixed_statement|else_clause|finally_clause|catch_clause|except_clause)$/

function wayOut(node: SyntaxNode, source: Source, table: ReturnTable): Way {
  if (closedTypes.test(node.type)) return 'closed'
  if (blockTypes.test(node.type)) return wayOfAll(namedChildren(node), source, table)
  if (node.type === 'if_statement') return wayOfIf(node, source, table)
  if (/^try(_with_resources)?_statement$/.test(node.type)) return wayOfTry(node, source, table)
  if (loopTypes.test(node.type)) return wayOfLoop(node, source, table)
  if (/switch|match|select/.test(node.type)) return wayOfSwitch(node, table)
  if (holdTypes.test(node.type)) {
    const body = childOf(node, 'body') ?? namedChildren(node).at(-1)
    return body === undefined ? 'unknown' : wayOut(body, source, table)
  }
  if (/expression_statement|call/.test(node.type)) return wayOfExpression(node, source, table)
  return /declaration|assignment|comment|pass_statement|empty_statement|short_var|import|assert_statement|inc_statement|dec_statement|defer|delete_statement|echo/.test(
    node.type,
  )
    ? 'open'
    : 'unknown'
}

function wayOfAll(statements: readonly SyntaxNode[], source: Source, table: ReturnTable): Way {
  const ways = statements.map((one) => wayOut(one, source, table))
  // What stands in the middle has something behind it, so it ends.
  return ways.includes('closed') ? 'closed' : (ways.at(-1) ?? 'open')
}

function wayOfExpression(node: SyntaxNode, source: Source, table: ReturnTable): Way {
  const inner = node.type.endsWith('expression_statement') ? namedChildren(node)[0] : node
  if (inner === undefined) return 'open'
  if (/throw/.test(inner.type)) return 'closed'
  const isCall = /call|invocation|await/.test(inner.type)
  if (!isCall)
    return /assignment|update|string|increment|decrement|augmented|postfix|prefix/.test(inner.type) ? 'open' : 'unknown'
  if (source.language === 'go') return /^panic\b/.test(source.textOf(inner)) ? 'closed' : 'open'
  return table.mayNotComeBack ? 'unknown' : 'open'
}

const worst = (ways: readonly Way[]): Way =>
  ways.includes('open') ? 'open' : ways.includes('unknown') ? 'unknown' : 'closed'

function wayOfIf(node: SyntaxNode, source: Source, table: ReturnTable): Way {
  const then = childOf(node, 'consequence') ?? childOf(node, 'body')
  const others = node.children.filter(
    ({ field, type }) =>
      field === 'alternative' || type === 'elif_clause' || type === 'else_clause' || type === 'else_if_clause',
  )
  if (then === null) return 'unknown'
  const isWhole = others.some((one) => !/^(elif_clause|else_if_clause)$/.test(one.type))
  const ways = [wayOut(then, source, table), ...others.map((one) => wayOfBranch(one, source, table))]
  return isWhole ? worst(ways) : 'open'
}

function wayOfBranch(node: SyntaxNode, source: Source, table: ReturnTable): Way {
  const body = childOf(node, 'consequence') ?? childOf(node, 'body')
  if (node.type === 'if_statement' || body === null)
    return node.type === 'else_clause'
      ? wayOut(namedChildren(node).at(-1) ?? node, source, table)
      : wayOut(node, source, table)
  return wayOut(body, source, table)
}

function wayOfTry(node: SyntaxNode, source: Source, table: ReturnTable): Way {
  const parts = namedChildren(node)
  const last = parts.find(({ type, field }) => type === 'finally_clause' || field === 'finalizer')
  const ways = parts
    .filter((one) => one !== last && /block|clause|handler|compound/.test(one.type))
    .map((one) => wayOut(one, source, table))
  if (last !== undefined && wayOut(last, source, table) === 'closed') return 'closed'
  // Python's `else` follows on the body, so which of them ends it takes more to tell.
  return parts.some(({ type }) => type === 'else_clause')
    ? worst(ways) === 'open'
      ? 'unknown'
      : worst(ways)
    : worst(ways)
}

function wayOfLoop(node: SyntaxNode, source: Source, table: ReturnTable): Way {
  const condition = childOf(node, 'condition')
  const isCounted =
    /^(for_in_statement|enhanced_for_statement|foreach_statement|for_each_statement|for_range_loop)$/.test(node.type) ||
    childOf(node, 'right') !== null
  const hasRange = node.children.some(({ type }) => type === 'range_clause')
  const forClause = node.children.find(({ type }) => type === 'for_clause')
  // What it runs over may never end, and Python's loops may have an `else`.
  if (isCounted || hasRange) return table.mayNotComeBack ? 'unknown' : 'open'
  const asked = forClause === undefined ? condition : childOf(forClause, 'condition')
  // Without a condition the loop has no end of its own: `for i := 0; ; i++`.
  const bound = asked === null ? '' : source.textOf(asked).replace(/^[(\s]+|[)\s;]+$/g, '')
  if (bound !== '' && !/^(true|1|True|TRUE)$/.test(bound)) return node.type === 'do_statement' ? 'unknown' : 'open'
  return 'unknown'
}

function wayOfSwitch(node: SyntaxNode, table: ReturnTable): Way {
  const hasDefault = [...descendants(node)].some(({ type }) => /default/.test(type))
  if (!hasDefault) return table.mayBeExhaustive || !/switch/.test(node.type) ? 'unknown' : 'open'
  return 'unknown'
}
