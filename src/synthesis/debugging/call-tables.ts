import type { SyntaxNode } from '../../grounding/index.js'
import type { Parameter } from './parameter.js'
import { ancestors, childOf, namedChildren, type Source } from './source.js'

/** How a language writes functions and calls. */
export interface CallTable {
  /** Node types of functions. */
  functions: readonly string[]
  /** Node type of calls. */
  call: string
  /** The field of a call that holds the called function. */
  callee: string
  /** Node types of a plain name. */
  nameTypes: readonly string[]
  /** Reads a parameter list; `null` if it does not tell all that the function accepts. */
  parameters(list: SyntaxNode, source: Source): Parameter[] | null
  nameOf?(node: SyntaxNode): SyntaxNode | null
  parametersOf?(node: SyntaxNode): SyntaxNode | null
  /** Whether no other function can have this name; `true` by default. */
  isUnique?(node: SyntaxNode, source: Source): boolean
  /** Whether a call may mean another function, or pass other arguments than can be seen. */
  isUncertainCall?(call: SyntaxNode): boolean
}

/** Reads a parameter list by the node types of its parts; a part of an unknown type makes the whole list unknown. */
function parametersByType(
  kinds: Readonly<Record<string, Omit<Parameter, 'name'> | 'skip'>>,
  nameFields: readonly string[],
): CallTable['parameters'] {
  return (list, source) => {
    const parameters: Parameter[] = []
    for (const part of namedChildren(list)) {
      const kind = kinds[part.type]
      if (kind === undefined) return null
      if (kind === 'skip') continue
      const name = nameFields.map((field) => childOf(part, field)).find((found) => found !== null) ?? part
      const isOptional = kind.isOptional || childOf(part, 'value') !== null || childOf(part, 'default_value') !== null
      parameters.push({
        ...kind,
        isOptional,
        name: /identifier|variable_name/.test(name.type) ? source.textOf(name) : '',
      })
    }
    return parameters
  }
}

const plainParameter = { isOptional: false, kind: 'positional' } as const
const optionalParameter = { isOptional: true, kind: 'positional' } as const
const restParameter = { isOptional: true, kind: 'rest' } as const
const keywordsParameter = { isOptional: true, kind: 'keywords' } as const

const scriptList = parametersByType(
  {
    identifier: plainParameter,
    required_parameter: plainParameter,
    optional_parameter: optionalParameter,
    assignment_pattern: optionalParameter,
    object_pattern: plainParameter,
    array_pattern: plainParameter,
    rest_pattern: restParameter,
  },
  ['pattern', 'left'],
)

const script: CallTable = {
  functions: [
    'function_declaration',
    'generator_function_declaration',
    'arrow_function',
    'function_expression',
    'method_definition',
    'function_signature',
  ],
  call: 'call_expression',
  callee: 'function',
  nameTypes: ['identifier'],
  parameters(list, source) {
    const parts = namedChildren(list)
    const read = scriptList(list, source)?.map((parameter, at): Parameter => {
      return childOf(parts[at], 'pattern')?.type === 'rest_pattern' ? { ...parameter, ...restParameter } : parameter
    })
    // A `this` parameter only declares its type.
    return read?.filter((_, at) => childOf(parts[at], 'pattern')?.type !== 'this') ?? null
  },
}

const python: CallTable = {
  functions: ['function_definition'],
  call: 'call',
  callee: 'function',
  nameTypes: ['identifier'],
  parameters(list, source) {
    const parameters: Parameter[] = []
    let isNamed = false
    for (const part of namedChildren(list)) {
      const star = part.type === 'typed_parameter' ? (part.children[0] as SyntaxNode) : part
      const name = childOf(part, 'name') ?? (star === part ? part : star)
      const text = name.type === 'identifier' ? source.textOf(name) : ''
      if (part.type === 'positional_separator') continue
      if (part.type === 'keyword_separator') isNamed = true
      else if (star.type === 'list_splat_pattern') {
        parameters.push({ name: '', ...restParameter })
        isNamed = true
      } else if (star.type === 'dictionary_splat_pattern') parameters.push({ name: '', ...keywordsParameter })
      else if (text === '') return null
      else
        parameters.push({
          name: text,
          isOptional: childOf(part, 'value') !== null,
          kind: isNamed ? 'named' : 'positional',
        })
    }
    return parameters
  },
}

const hasOnlyPlainClass = (node: SyntaxNode): boolean => {
  const classes = [...ancestors(node)].filter(
    ({ type }) => /^(class|record|enum|interface|struct|object)_/.test(type) && type !== 'class_body',
  )
  const bases = ['superclass', 'super_interfaces', 'base_list', 'extends_interfaces']
  return classes.every(
    (classNode) =>
      !/enum|interface/.test(classNode.type) &&
      !classNode.children.some(({ type, field }) => bases.includes(type) || field === 'superclass'),
  )
}

const cDeclarator = (node: SyntaxNode): SyntaxNode | null => {
  let inner = childOf(node, 'declarator')
  while (inner !== null && inner.type === 'pointer_declarator') inner = childOf(inner, 'declarator')
  return inner?.type === 'function_declarator' ? inner : null
}

const cFamily = (isUnique: CallTable['isUnique']): CallTable => ({
  functions: ['function_definition'],
  call: 'call_expression',
  callee: 'function',
  nameTypes: ['identifier'],
  nameOf: (node) => {
    const name = childOf(cDeclarator(node), 'declarator')
    return name?.type === 'identifier' ? name : null
  },
  parametersOf: (node) => childOf(cDeclarator(node), 'parameters'),
  parameters(list, source) {
    if (list.children.some(({ type }) => type === '...' || type === 'variadic_parameter')) return null
    const parts = namedChildren(list)
    // In C, `f()` says nothing about the parameters; `f(void)` says that there are none.
    if (parts.length === 0) return null
    if (parts.length === 1 && source.textOf(parts[0] as SyntaxNode).trim() === 'void') return []
    return parts.every(({ type }) => type === 'parameter_declaration')
      ? parts.map((part) => ({ name: nameInDeclarator(part, source), isOptional: false, kind: 'positional' }))
      : null
  },
  ...(isUnique === undefined ? {} : { isUnique }),
})

function nameInDeclarator(part: SyntaxNode, source: Source): string {
  let inner = childOf(part, 'declarator')
  while (inner !== null && inner.type !== 'identifier')
    inner = childOf(inner, 'declarator') ?? inner.children.find(({ type }) => type === 'identifier') ?? null
  return inner === null ? '' : source.textOf(inner)
}

const isStatic = (node: SyntaxNode, source: Source): boolean =>
  node.children.some((child) => child.type === 'storage_class_specifier' && source.textOf(child) === 'static')

/** By language. The functions and calls of a language without a table are not checked. */
export const callTables: Readonly<Record<string, CallTable>> = {
  typescript: script,
  tsx: script,
  javascript: script,
  python,
  go: {
    functions: ['function_declaration'],
    call: 'call_expression',
    callee: 'function',
    nameTypes: ['identifier', 'type_identifier', 'field_identifier'],
    parameters(list, source) {
      const parameters: Parameter[] = []
      for (const part of namedChildren(list)) {
        const names = part.children.filter(({ field }) => field === 'name')
        if (part.type === 'variadic_parameter_declaration') parameters.push({ name: '', ...restParameter })
        else if (names.length === 0) parameters.push({ name: '', ...plainParameter })
        else for (const name of names) parameters.push({ name: source.textOf(name), ...plainParameter })
      }
      return parameters
    },
    // `f(g())` passes all values that `g` returns.
    isUncertainCall: (call) => {
      const given = namedChildren(childOf(call, 'arguments') ?? call)
      return given.length === 1 && given[0]?.type === 'call_expression'
    },
  },
  rust: {
    functions: ['function_item'],
    call: 'call_expression',
    callee: 'function',
    nameTypes: ['identifier'],
    parameters: parametersByType({ parameter: plainParameter, attribute_item: 'skip' }, ['pattern']),
    isUnique: (node) => ![...ancestors(node)].some(({ type }) => /^(impl_item|trait_item|macro_)/.test(type)),
  },
  java: {
    functions: ['method_declaration'],
    call: 'method_invocation',
    callee: 'name',
    nameTypes: ['identifier'],
    parameters: parametersByType({ formal_parameter: plainParameter, spread_parameter: restParameter }, ['name']),
    isUnique: hasOnlyPlainClass,
    isUncertainCall: (call) => childOf(call, 'object') !== null || !hasOnlyPlainClass(call) || isInAnonymousClass(call),
  },
  c: cFamily(undefined),
  // A header may declare default arguments, or another function of this name.
  cpp: cFamily(isStatic),
  csharp: {
    functions: ['method_declaration', 'local_function_statement'],
    call: 'invocation_expression',
    callee: 'function',
    nameTypes: ['identifier'],
    parameters(list, source) {
      const parameters: Parameter[] = []
      for (const part of namedChildren(list)) {
        const name = childOf(part, 'name')
        if (part.type !== 'parameter' || name === null || /^\s*(params|this)\b/.test(source.textOf(part))) return null
        parameters.push({
          name: source.textOf(name),
          isOptional: part.children.some(({ type }) => type === '=' || type === 'equals_value_clause'),
          kind: 'positional',
        })
      }
      return list.children.some(({ type }) => type === 'params') ? null : parameters
    },
    isUnique: (node, source) => hasOnlyPlainClass(node) && !source.words.has('partial'),
    isUncertainCall: (call) => !hasOnlyPlainClass(call),
  },
  ruby: {
    functions: ['method'],
    call: 'call',
    callee: 'method',
    nameTypes: ['identifier', 'constant'],
    parameters: parametersByType(
      {
        identifier: plainParameter,
        optional_parameter: optionalParameter,
        splat_parameter: restParameter,
        destructured_parameter: plainParameter,
        block_parameter: 'skip',
      },
      ['name'],
    ),
    isUncertainCall: (call) => childOf(call, 'receiver') !== null,
  },
  php: {
    functions: ['function_definition'],
    call: 'function_call_expression',
    callee: 'function',
    nameTypes: ['name'],
    parameters: parametersByType({ simple_parameter: plainParameter, variadic_parameter: restParameter }, ['name']),
    isUnique: (node, source) => !source.words.has('func_get_args') && node.parent?.type === 'program',
  },
}

const isInAnonymousClass = (node: SyntaxNode): boolean =>
  [...ancestors(node)].some(
    (outer) => outer.type === 'class_body' && outer.parent?.type === 'object_creation_expression',
  )
