import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../../records/index.js'
import type { DeclarationRule, Owner, OutlineRules } from '../../outline/engine.js'
import { cutAt, fold } from '../../outline/text.js'
import { childrenOf, field } from '../../syntax/node.js'

type Kind = OutlineItem['kind']

const maxNameChars = 120
/** Bound on declarators within declarators (a pointer to an array of functions ...); people write fewer. */
const maxDeclarators = 16

/** The class, function or variable inside `template <...>`; other nodes unchanged. */
export function templated(node: Node): Node {
  let inner = node
  for (let down = 0; inner.type === 'template_declaration' && down < maxDeclarators; down++) {
    inner = childrenOf(inner).at(-1) ?? inner
    if (inner.type === 'template_parameter_list') break
  }
  return inner
}

/** The name in a declarator, and whether it declares a function. */
interface Declared {
  name: string
  isFunction: boolean
}

function declaredBy(declarator: Node | null): Declared {
  let node = declarator
  let isFunction = false
  for (let down = 0; node !== null && down < maxDeclarators; down++) {
    if (!/declarator$/.test(node.type)) return { name: cutAt(fold(node.text), maxNameChars), isFunction }
    if (node.type === 'function_declarator') isFunction = true
    else if (node.type !== 'parenthesized_declarator' && node.type !== 'init_declarator') isFunction = false
    if (node.type === 'init_declarator') isFunction = false
    node = field(node, 'declarator') ?? childrenOf(node).at(-1) ?? null
  }
  return { name: '', isFunction: false }
}

/** The names of everything that one statement declares. */
function namesOf(node: Node): string {
  const declarators = templated(node).childrenForFieldName('declarator')
  return declarators.flatMap((declarator) => (declarator === null ? [] : [declaredBy(declarator).name])).join(', ')
}

/** The type of a declaration if it has a body, such as `struct s { ... }`; `null` where the type is only named. */
function typeWithBody(node: Node): Node | null {
  const type = field(templated(node), 'type')
  return type !== null && Object.hasOwn(kindOfType, type.type) && field(type, 'body') !== null ? type : null
}

export const kindOfType: Readonly<Record<string, Kind>> = {
  struct_specifier: 'struct',
  union_specifier: 'struct',
  enum_specifier: 'enum',
  class_specifier: 'class',
}

export const isStatic = (node: Node): boolean =>
  childrenOf(templated(node)).some((child) => child.type === 'storage_class_specifier' && child.text === 'static')

const bodyOf = (node: Node | null): Node | null => (node === null ? null : field(node, 'body'))

/** A struct, union, enum or class by itself; without a body it declares nothing. */
export const typeRule: DeclarationRule = {
  kind: (node) => (bodyOf(templated(node)) === null ? null : (kindOfType[templated(node).type] ?? null)),
  name: (node) => field(templated(node), 'name')?.text ?? '',
  signatureEnd: (node) => bodyOf(templated(node))?.startIndex ?? node.endIndex,
  members: (node) => bodyOf(templated(node)),
}

/** A prototype, variables, or a type with a body and variables of that type. */
export const declarationRule: DeclarationRule = {
  kind(node, owner) {
    const type = typeWithBody(node)
    if (type !== null) return kindOfType[type.type] ?? null
    const declarator = field(templated(node), 'declarator')
    if (declarator !== null && declaredBy(declarator).isFunction) return isType(owner) ? 'method' : 'function'
    return isType(owner) ? 'property' : 'variable'
  },
  name(node) {
    const type = typeWithBody(node)
    return (type === null ? undefined : field(type, 'name')?.text) ?? namesOf(node)
  },
  signatureEnd: (node) => bodyOf(typeWithBody(node))?.startIndex ?? node.endIndex,
  value: (node) => {
    const declarator = field(templated(node), 'declarator')
    return declarator === null ? null : field(declarator, 'value')
  },
  members: (node) => bodyOf(typeWithBody(node)),
}

const isType = (owner: Owner | null): boolean => owner !== null && owner.kind !== 'namespace'

/** Named by its declarator; a test macro such as `TEST(Suite, name) {` is named with its arguments. */
export const functionRule: DeclarationRule = {
  kind: (node, owner) => {
    const { name } = declaredBy(field(templated(node), 'declarator'))
    return isType(owner) || name.includes('::') ? 'method' : 'function'
  },
  name(node) {
    const definition = templated(node)
    const declarator = field(definition, 'declarator')
    const { name, isFunction } = declaredBy(declarator)
    const isMacro = field(definition, 'type') === null && /^[A-Z][A-Z0-9_]{2,}$/.test(name)
    if (isMacro && declarator !== null) return cutAt(fold(declarator.text).replace(/\(\s*\)$/, ''), maxNameChars)
    return isFunction ? name : ''
  },
  signatureEnd(node) {
    const definition = templated(node)
    const initializers = childrenOf(definition).find((child) => child.type === 'field_initializer_list')
    return (initializers ?? bodyOf(definition))?.startIndex ?? node.endIndex
  },
}

/** `typedef struct { ... } name;` declares a struct, every other typedef a type. */
const typedefRule: DeclarationRule = {
  kind(node) {
    const type = typeWithBody(node)
    return type === null ? 'type' : (kindOfType[type.type] ?? 'type')
  },
  name: namesOf,
  signatureEnd: (node) => bodyOf(typeWithBody(node))?.startIndex ?? node.endIndex,
  members: (node) => bodyOf(typeWithBody(node)),
}

const macroRule: DeclarationRule = {
  kind: 'macro',
  signatureEnd: (node) => node.endIndex,
}

const declarationsOfC: Readonly<Record<string, DeclarationRule>> = {
  function_definition: functionRule,
  declaration: declarationRule,
  field_declaration: declarationRule,
  type_definition: typedefRule,
  struct_specifier: typeRule,
  union_specifier: typeRule,
  enum_specifier: typeRule,
  enumerator: { kind: 'property' },
  preproc_def: macroRule,
  preproc_function_def: macroRule,
}

/** Rules that C and C++ share: a declarator names a declaration, and a struct may be declared inside a declaration. */
export const rulesOfC: OutlineRules = {
  declarations: declarationsOfC,
  groups: new Set(['linkage_specification', 'declaration_list']),
  isExported: (node) => !isStatic(node),
}
