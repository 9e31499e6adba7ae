import type { SyntaxNode } from '../../../grounding/index.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { childOf, namedChildren } from '../source.js'
import type { CheckInput } from './check-input.js'
import { reachesEnd, type FlowRules } from './reaches-end.js'

/** How a language declares what a function returns. */
interface ReturnTable extends FlowRules {
  /** Node types of functions. */
  functions: readonly string[]
  /** The field of a function that holds its return type. */
  typeField: string
  /** Return types of functions that may return nothing, or of which that is not known. */
  returnsNothing: RegExp
}

const script: ReturnTable = {
  functions: ['function_declaration', 'method_definition', 'arrow_function', 'function_expression'],
  typeField: 'return_type',
  returnsNothing:
    /\b(void|undefined|any|unknown|never|asserts|Generator|AsyncGenerator|Iterator|Iterable\w*|AsyncIter\w*|is)\b/,
  callsMayExit: true,
  switchMayBeExhaustive: true,
}

const cFamily: ReturnTable = {
  functions: ['function_definition'],
  typeField: 'type',
  returnsNothing: /\b(void|auto|noreturn)\b|^[A-Z_]+$/,
  callsMayExit: true,
  switchMayBeExhaustive: true,
}

const tables: Readonly<Record<string, ReturnTable>> = {
  typescript: script,
  tsx: script,
  python: {
    functions: ['function_definition'],
    typeField: 'return_type',
    returnsNothing:
      /\b(None|Optional|Any|object|NoReturn|Never|Iterator|Iterable|Generator|AsyncIterator|AsyncGenerator|AsyncIterable|ContextManager)\b/,
    callsMayExit: true,
    switchMayBeExhaustive: true,
  },
  go: {
    functions: ['function_declaration', 'method_declaration', 'func_literal'],
    typeField: 'result',
    returnsNothing: /^$/,
    callsMayExit: false,
    switchMayBeExhaustive: false,
  },
  java: {
    functions: ['method_declaration'],
    typeField: 'type',
    returnsNothing: /^void$/,
    callsMayExit: false,
    switchMayBeExhaustive: true,
  },
  csharp: {
    functions: ['method_declaration', 'local_function_statement'],
    typeField: 'returns',
    returnsNothing: /\b(void|Task|ValueTask|IEnumerable|IEnumerator|IAsyncEnumerable|IAsyncEnumerator)\b(?!<)/,
    callsMayExit: false,
    switchMayBeExhaustive: true,
  },
  c: cFamily,
  cpp: cFamily,
  php: {
    functions: ['function_definition', 'method_declaration'],
    typeField: 'return_type',
    returnsNothing: /\b(void|never|mixed|null|iterable|Generator|Iterator|Traversable|static)\b|\?/i,
    callsMayExit: true,
    switchMayBeExhaustive: true,
  },
}

/** Finds functions with a declared return type that return a value on some paths, but can also reach their end. */
export function checkReturns({ source }: CheckInput): Problem[] {
  const table = tables[source.language]
  if (table === undefined) return []
  return source.tree.nodes.flatMap((node) => {
    if (!table.functions.includes(node.type)) return []
    const [type, body] = [childOf(node, table.typeField), childOf(node, 'body')]
    if (type === null || body === null || table.returnsNothing.test(source.textOf(type).replace(/^\s*:\s*/, '')))
      return []
    if (!/block|body|compound/.test(body.type) || isGenerator(node) || !returnsValue(body)) return []
    if (reachesEnd(body, source, table) !== 'yes') return []
    // In C, `main` returns 0 at its end.
    const name = childOf(node, 'name') ?? childOf(childOf(node, 'declarator'), 'declarator')
    if (table === cFamily && name !== null && source.textOf(name) === 'main') return []
    return [
      problemAt(
        source,
        node,
        `${name === null ? 'a function' : quoteSnippet(source.textOf(name))} returns a value on some ways, and on another runs into its end`,
      ),
    ]
  })
}

const functionTypes =
  /^(function|method|arrow_function|generator_function|func_literal|lambda|local_function|closure|anonymous_function|class_)/

/** All nodes of a body, without those of inner functions. */
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
