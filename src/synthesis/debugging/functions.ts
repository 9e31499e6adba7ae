import type { SyntaxNode } from '../../grounding/index.js'
import { callTables, type CallTable } from './call-tables.js'
import type { Names } from './names.js'
import type { Parameter } from './parameter.js'
import { childOf, isScript, namedChildren, descendants, type Source } from './source.js'

/** A function that the file declares once, with nothing else of its name. */
export interface DeclaredFunction {
  name: string
  language: string
  node: SyntaxNode
  parameters: Parameter[]
  /** Whether a call gives a promise. An async generator gives no promise, but its values one by one. */
  isAsync: boolean
  /** The class of a method that is called through `self` or `this`; `null` for a function that is called by name. */
  owner: SyntaxNode | null
  /** Whether a call with too few, or too many, arguments is certainly wrong. */
  isCertain: { tooFew: boolean; tooMany: boolean }
}

/** The functions of a file whose calls can be checked. */
export function functionsOf(source: Source, names: Names | null): DeclaredFunction[] {
  const table = callTables[source.language]
  if (table === undefined) return []
  const found = source.tree.nodes.flatMap((node) => functionAt(source, table, node) ?? [])
  const counts = new Map<string, number>()
  const keyOf = ({ owner, name }: DeclaredFunction): string => `${owner?.start ?? ''} ${name}`
  for (const declared of found) counts.set(keyOf(declared), (counts.get(keyOf(declared)) ?? 0) + 1)
  const others = names === null ? otherUses(source, table) : null
  return found.filter((declared) => {
    if (counts.get(keyOf(declared)) !== 1) return false
    if (declared.owner !== null) return !isReplaced(source, declared)
    return others === null ? names?.declared.get(declared.name) === 1 : !others.has(declared.name)
  })
}

/** Names that occur elsewhere than as the name of a function or in a call: they may mean something else. */
function otherUses(source: Source, table: CallTable): Set<string> {
  const others = new Set<string>()
  for (const node of source.tree.nodes) {
    if (!table.nameTypes.includes(node.type)) continue
    const parent = node.parent as SyntaxNode
    const isCallee = parent.type === table.call && node.field === table.callee
    if (!isCallee && !isNameOfFunction(node, table)) others.add(source.textOf(node))
  }
  return others
}

function isNameOfFunction(node: SyntaxNode, table: CallTable): boolean {
  const { parent } = node
  if (parent === null) return false
  if (node.field === 'name') return table.functions.includes(parent.type)
  return node.field === 'declarator' && parent.type === 'function_declarator'
}

function functionAt(source: Source, table: CallTable, node: SyntaxNode): DeclaredFunction | null {
  if (!table.functions.includes(node.type)) return null
  const nameNode = table.nameOf?.(node) ?? childOf(node, 'name') ?? nameOfValue(node)
  const list = table.parametersOf?.(node) ?? childOf(node, 'parameters')
  const single = childOf(node, 'parameter')
  if (nameNode === null || (list === null && single === null)) return null
  const owner = ownerOf(source, table, node)
  if (owner === undefined) return null
  const read = list === null ? [singleParameter(source, single as SyntaxNode)] : table.parameters(list, source)
  if (read === null) return null
  const parameters = owner !== null && source.language === 'python' ? withoutReceiver(node, read, source) : read
  if (parameters === null || parameters.length > maxParameters) return null
  return {
    name: source.textOf(nameNode),
    language: source.language,
    node,
    parameters,
    isAsync: node.children.some(({ type }) => type === 'async') && !isGenerator(node),
    owner,
    isCertain: certaintyOf(source, node, parameters, owner),
  }
}

/** The parameter of an arrow function without parentheses. */
const singleParameter = (source: Source, node: SyntaxNode): Parameter => ({
  name: source.textOf(node),
  isOptional: false,
  kind: 'positional',
})

const innerFunction = /^(function|method_definition|arrow_function|generator_function|lambda)/

function isGenerator(node: SyntaxNode): boolean {
  if (node.type.startsWith('generator') || node.children.some(({ type }) => type === '*')) return true
  const pending = [...node.children]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.type === 'yield') return true
    if (!innerFunction.test(next.type)) pending.push(...next.children)
  }
  return false
}

/** The name in `const f = () => {}`. */
function nameOfValue({ parent, field, type }: SyntaxNode): SyntaxNode | null {
  if (parent?.type !== 'variable_declarator' || field !== 'value' || !/arrow|function/.test(type)) return null
  const isConstant = parent.parent?.children.some((child) => child.type === 'const') === true
  const name = childOf(parent, 'name')
  return isConstant && childOf(parent, 'type') === null && name?.type === 'identifier' ? name : null
}

/** The class of a method, `null` for a plain function, `undefined` if it is not certain. */
function ownerOf(source: Source, table: CallTable, node: SyntaxNode): SyntaxNode | null | undefined {
  if (table.isUnique?.(node, source) === false) return undefined
  if (source.language === 'python') return ownerInPython(source, node)
  if (!isScript(source.language)) return null
  if (node.type !== 'method_definition') return null
  const isSpecial = node.children.some(({ type }) => ['static', 'get', 'set', 'decorator'].includes(type))
  return isSpecial || node.parent?.type !== 'class_body' ? undefined : node.parent
}

function ownerInPython(source: Source, node: SyntaxNode): SyntaxNode | null | undefined {
  const decorated = node.parent?.type === 'decorated_definition' ? node.parent : null
  const block = (decorated ?? node).parent
  if (block?.type !== 'block' || block.parent?.type !== 'class_definition') return decorated === null ? null : undefined
  const marks = decorated === null ? [] : decorated.children.filter(({ type }) => type === 'decorator')
  const isPlain = marks.every((mark) => /^@(staticmethod|classmethod)$/.test(source.textOf(mark).trim()))
  return isPlain ? block.parent : undefined
}

function withoutReceiver(node: SyntaxNode, parameters: Parameter[], source: Source): Parameter[] | null {
  const marks = node.parent?.type === 'decorated_definition' ? source.textOf(node.parent).split('\n')[0] : ''
  if (marks?.startsWith('@staticmethod')) return parameters
  return parameters[0]?.kind === 'positional' ? parameters.slice(1) : null
}

/** Whether another function may take the place of the method: by an assignment, or as the method is only a stub. */
function isReplaced(source: Source, { name, node, owner }: DeclaredFunction): boolean {
  const body = childOf(node, 'body')
  const statements = body === null ? [] : namedChildren(body)
  if (
    statements.length <= 2 &&
    /\b(NotImplemented\w*|pass|\.\.\.|throw new Error)/.test(body === null ? 'pass' : source.textOf(body))
  )
    return true
  for (const other of descendants(owner as SyntaxNode)) {
    const isField = /^(public_field_definition|field_definition|method_signature|abstract_method_signature)$/.test(
      other.type,
    )
    if (isField && source.textOf(childOf(other, 'name') ?? other) === name) return true
    if (!/^(assignment|assignment_expression)$/.test(other.type)) continue
    const left = childOf(other, 'left')
    if (left !== null && (source.textOf(left) === name || source.textOf(left).endsWith(`.${name}`))) return true
  }
  return false
}

function certaintyOf(
  source: Source,
  node: SyntaxNode,
  parameters: readonly Parameter[],
  owner: SyntaxNode | null,
): DeclaredFunction['isCertain'] {
  if (source.language !== 'javascript') return { tooFew: true, tooMany: true }
  const body = childOf(node, 'body')
  const readsAll =
    body === null ||
    [...descendants(body)].some((inner) => inner.type === 'identifier' && source.textOf(inner) === 'arguments')
  // In JavaScript a caller may leave out any argument, and a subclass may take more of them.
  const isNeeded =
    body !== null &&
    parameters.length <= maxRequired &&
    !readsAll &&
    parameters.every(
      (parameter) =>
        parameter.kind !== 'positional' || parameter.isOptional || isRequired(source, body, parameter.name),
    )
  return { tooFew: isNeeded, tooMany: !readsAll && owner === null }
}

/** A longer parameter list is not checked: each parameter takes a walk over the body. */
const maxRequired = 16
/** A function with more parameters is ignored: every call is compared with each parameter. */
const maxParameters = 64

/** Whether the body uses the value of the parameter and never tests whether it was passed. */
function isRequired(source: Source, body: SyntaxNode, name: string): boolean {
  if (name === '') return true
  let isUsed = false
  for (const node of descendants(body)) {
    if (node.type !== 'identifier' || source.textOf(node) !== name || node.parent === null) continue
    const { parent, field } = node
    const isValueUsed =
      (parent.type === 'member_expression' &&
        field === 'object' &&
        !parent.children.some(({ type }) => type === 'optional_chain')) ||
      (parent.type === 'call_expression' && field === 'function') ||
      (parent.type === 'for_in_statement' && field === 'right')
    if (isValueUsed) isUsed = true
    else if (
      parent.type !== 'arguments' &&
      parent.type !== 'return_statement' &&
      parent.type !== 'subscript_expression'
    )
      return false
  }
  return isUsed
}
