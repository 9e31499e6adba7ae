import type { SyntaxNode } from '../../grounding/index.js'
import { callTables } from './call-tables.js'
import type { DeclaredFunction } from './functions.js'
import { ancestors, childOf, isScript, namedChildren, type Source } from './source.js'

/** A call of a function that is known. */
export interface KnownCall {
  node: SyntaxNode
  callee: DeclaredFunction
  arguments: SyntaxNode[]
}

/** The calls of functions that the file declares, or imports by name. */
export function knownCalls(
  source: Source,
  own: readonly DeclaredFunction[],
  imported: ReadonlyMap<string, DeclaredFunction>,
): KnownCall[] {
  const table = callTables[source.language]
  if (table === undefined) return []
  const plain = new Map(own.filter(({ owner }) => owner === null).map((declared) => [declared.name, declared]))
  const methods = new Map(
    own
      .filter(({ owner }) => owner !== null)
      .map((declared) => [`${declared.owner?.start} ${declared.name}`, declared]),
  )
  return source.tree.nodes.flatMap((node) => {
    if (node.type !== table.call) return []
    const target = childOf(node, table.callee)
    const list = childOf(node, 'arguments')
    if (target === null || list === null || list.type === 'template_string' || table.isUncertainCall?.(node) === true)
      return []
    const callee = table.nameTypes.includes(target.type)
      ? (plain.get(source.textOf(target)) ?? imported.get(source.textOf(target)))
      : methodCalled(source, target, node, methods)
    if (callee === undefined || !isInScope(callee, node, source)) return []
    // `f(x for x in y)` in Python has one argument.
    const given = list.type === 'generator_expression' ? [list] : namedChildren(list)
    return [{ node, callee, arguments: given }]
  })
}

function methodCalled(
  source: Source,
  target: SyntaxNode,
  call: SyntaxNode,
  methods: ReadonlyMap<string, DeclaredFunction>,
): DeclaredFunction | undefined {
  const isPython = target.type === 'attribute' && source.language === 'python'
  if (!isPython && target.type !== 'member_expression') return undefined
  const receiver = childOf(target, 'object')
  const name = childOf(target, isPython ? 'attribute' : 'property')
  if (receiver === null || name === null || source.textOf(receiver) !== (isPython ? 'self' : 'this')) return undefined
  const owner = classAround(call, isPython)
  return owner === null ? undefined : methods.get(`${owner.start} ${source.textOf(name)}`)
}

/** The class whose instance is `this` or `self`; `null` if a function in between has its own `this`. */
function classAround(node: SyntaxNode, isPython: boolean): SyntaxNode | null {
  let method: SyntaxNode | null = null
  for (const outer of ancestors(node)) {
    if (outer.type === 'class_definition') return isPython ? outer : null
    if (outer.type === 'class_body') {
      const isStatic = method?.type === 'method_definition' && method.children.some(({ type }) => type === 'static')
      return isPython || isStatic ? null : outer
    }
    if (/^(function|generator_function)/.test(outer.type) && !isPython) return null
    if (outer.type === 'object') return null
    method = outer
  }
  return null
}

/** Whether the function is in scope at the call: it is declared in the same function, or further out. */
function isInScope({ node, owner }: DeclaredFunction, call: SyntaxNode, source: Source): boolean {
  if (owner !== null || (!isScript(source.language) && source.language !== 'python')) return true
  const scope = [...ancestors(node)].find(({ type }) =>
    /^(function|method_definition|arrow_function|generator_function|class_definition)/.test(type),
  )
  return scope === undefined || [...ancestors(call)].includes(scope)
}
