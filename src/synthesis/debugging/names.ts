import type { SyntaxNode } from '../../grounding/index.js'
import { childOf, isScript, type Source } from './source.js'

/**
 * The names that a file uses, and those that it may declare. A name counts as declared wherever it occurs and is not
 * clearly used, in any scope; so a name that is not declared by this rule is certainly not declared.
 */
export interface Names {
  used: Use[]
  /** How often each name occurs in a place that may declare it. */
  declared: ReadonlyMap<string, number>
}

interface Use {
  name: string
  node: SyntaxNode
  isType: boolean
}

/** By the type of the parent node: the fields in which a name is used; `*` for any field. */
type Places = Readonly<Record<string, readonly string[]>>

const anyField = ['*']

const scriptUses: Places = {
  call_expression: ['function'],
  new_expression: ['constructor'],
  arguments: anyField,
  member_expression: ['object'],
  subscript_expression: ['object', 'index'],
  binary_expression: ['left', 'right'],
  ternary_expression: anyField,
  parenthesized_expression: anyField,
  return_statement: anyField,
  throw_statement: anyField,
  await_expression: anyField,
  yield_expression: anyField,
  spread_element: anyField,
  template_substitution: anyField,
  variable_declarator: ['value'],
  required_parameter: ['value'],
  assignment_pattern: ['right'],
  pair: ['value'],
  array: anyField,
  object: anyField,
  arrow_function: ['body'],
  assignment_expression: ['right'],
  augmented_assignment_expression: ['right'],
  update_expression: ['argument'],
  for_in_statement: ['right'],
  extends_clause: ['value'],
  class_heritage: anyField,
  export_statement: ['value'],
  jsx_expression: anyField,
  jsx_opening_element: ['name'],
  jsx_self_closing_element: ['name'],
  non_null_expression: anyField,
  as_expression: anyField,
  switch_case: ['value'],
  public_field_definition: ['value'],
  field_definition: ['value'],
}

const typeUses: Places = {
  type_annotation: anyField,
  generic_type: ['name'],
  union_type: anyField,
  intersection_type: anyField,
  array_type: anyField,
  type_arguments: anyField,
  implements_clause: anyField,
  extends_type_clause: ['type'],
}

const pythonUses: Places = {
  call: ['function'],
  argument_list: anyField,
  keyword_argument: ['value'],
  attribute: ['object'],
  subscript: ['value', 'subscript'],
  slice: anyField,
  binary_operator: ['left', 'right'],
  comparison_operator: anyField,
  boolean_operator: ['left', 'right'],
  not_operator: ['argument'],
  unary_operator: ['argument'],
  conditional_expression: anyField,
  parenthesized_expression: anyField,
  expression_list: anyField,
  list: anyField,
  tuple: anyField,
  set: anyField,
  pair: ['key', 'value'],
  list_splat: anyField,
  dictionary_splat: anyField,
  return_statement: anyField,
  raise_statement: anyField,
  assert_statement: anyField,
  await: anyField,
  yield: anyField,
  assignment: ['right'],
  augmented_assignment: ['right'],
  named_expression: ['value'],
  default_parameter: ['value'],
  typed_default_parameter: ['value'],
  lambda: ['body'],
  for_statement: ['right'],
  for_in_clause: ['right'],
  if_clause: anyField,
  if_statement: ['condition'],
  elif_clause: ['condition'],
  while_statement: ['condition'],
  list_comprehension: ['body'],
  set_comprehension: ['body'],
  generator_expression: ['body'],
  interpolation: ['expression'],
  with_item: ['value'],
  except_clause: ['value'],
  decorator: anyField,
  type: anyField,
}

const scriptNameTypes = new Set([
  'identifier',
  'type_identifier',
  'shorthand_property_identifier',
  'shorthand_property_identifier_pattern',
])

/** The names of a script or a Python file; `null` for other languages, where one file does not tell what is declared. */
export function namesOf(source: Source): Names | null {
  if (source.language !== 'python' && !isScript(source.language)) return null
  const placeOf = source.language === 'python' ? placeInPython : placeInScript
  const used: Use[] = []
  const declared = new Map<string, number>()
  for (const node of source.tree.nodes) {
    const place = placeOf(node)
    if (place === null) continue
    const name = source.textOf(node)
    if (place === 'declared') declared.set(name, (declared.get(name) ?? 0) + 1)
    else used.push({ name, node, isType: place === 'type' })
  }
  return { used, declared }
}

type Place = 'declared' | 'value' | 'type' | null

function placeInScript(node: SyntaxNode): Place {
  if (!scriptNameTypes.has(node.type) || node.parent === null) return null
  if (isIn(node, typeUses)) return 'type'
  if (node.type === 'type_identifier') return isIn(node, scriptUses) ? 'type' : 'declared'
  // `typeof x` asks whether there is an `x`, and a lower-case element is built into the page, so neither is a use.
  if (!isIn(node, scriptUses)) return 'declared'
  return 'value'
}

function placeInPython(node: SyntaxNode): Place {
  const { parent } = node
  if (node.type !== 'identifier' || parent === null) return null
  if (isIn(node, pythonUses)) return 'value'
  const isLabel =
    (parent.type === 'attribute' && node.field === 'attribute') ||
    (parent.type === 'keyword_argument' && node.field === 'name') ||
    (parent.type === 'dotted_name' && parent.field === 'module_name') ||
    parent.parent?.type === 'relative_import'
  return isLabel ? null : 'declared'
}

function isIn({ parent, field }: SyntaxNode, places: Places): boolean {
  const fields = places[parent?.type ?? '']
  return fields !== undefined && (fields[0] === '*' || (field !== null && fields.includes(field)))
}

/** Whether names may come into the scope of the file unseen: by a star import, evaluated text, or from outside. */
export function hasOpenScope(source: Source): boolean {
  const { words, tree } = source
  if (source.language === 'python') {
    const dynamic = ['exec', 'globals', 'locals', 'vars', 'NameError', 'UnboundLocalError', 'builtins', '__builtins__']
    return dynamic.some((word) => words.has(word)) || tree.nodes.some(({ type }) => type === 'wildcard_import')
  }
  return tree.nodes.some(({ type }) => type === 'with_statement') || words.has('eval')
}

/** Whether a script is a module with its own scope. Other scripts share the scope of their page. */
export function isModule(source: Source): boolean {
  const isStatement = ({ type }: SyntaxNode): boolean => type === 'import_statement' || type === 'export_statement'
  return source.tree.root.children.some(isStatement) || source.words.has('require') || source.words.has('exports')
}

/** A name that the file imports: its local name, and its name in the imported file. */
interface ImportedName {
  local: string
  imported: string
  specifier: string
  /** The part of the statement that has the name. */
  node: SyntaxNode
  statement: SyntaxNode
}

/** The names that import statements bind, without whole modules of scripts (`import * as`) and star imports. */
export function importedNames(source: Source): ImportedName[] {
  if (isScript(source.language)) return source.tree.nodes.flatMap((node) => scriptImport(source, node))
  if (source.language === 'python') return source.tree.nodes.flatMap((node) => pythonImport(source, node))
  return []
}

function scriptImport(source: Source, statement: SyntaxNode): ImportedName[] {
  if (statement.type !== 'import_statement') return []
  const specifier = unquoted(source, childOf(statement, 'source'))
  const clause = statement.children.find(({ type }) => type === 'import_clause')
  if (specifier === null || clause === undefined) return []
  return clause.children.flatMap((part): ImportedName[] => {
    const common = { specifier, statement }
    if (part.type === 'identifier') return [{ ...common, local: source.textOf(part), imported: 'default', node: part }]
    if (part.type !== 'named_imports') return []
    return part.children.flatMap((specifierNode) => {
      const name = childOf(specifierNode, 'name')
      if (specifierNode.type !== 'import_specifier' || name === null) return []
      const local = source.textOf(childOf(specifierNode, 'alias') ?? name)
      return [{ ...common, local, imported: source.textOf(name).replace(/^['"]|['"]$/g, ''), node: specifierNode }]
    })
  })
}

function pythonImport(source: Source, statement: SyntaxNode): ImportedName[] {
  const isFrom = statement.type === 'import_from_statement'
  if (!isFrom && statement.type !== 'import_statement') return []
  const module = childOf(statement, 'module_name')
  const specifierOf = (node: SyntaxNode): string => source.textOf(node).replace(/\s+/g, '')
  return statement.children.flatMap((node) => {
    if (node.field !== 'name') return []
    const nameNode = node.type === 'aliased_import' ? childOf(node, 'name') : node
    const alias = childOf(node, 'alias')
    if (nameNode === null) return []
    const full = specifierOf(nameNode)
    const local = alias !== null ? source.textOf(alias) : isFrom ? full : (full.split('.')[0] as string)
    const specifier = isFrom && module !== null ? specifierOf(module) : full
    return [{ local, imported: isFrom ? full : '*', specifier, node, statement }]
  })
}

/** The text of a string literal; `null` if the node is none, or has escapes. */
function unquoted(source: Source, node: SyntaxNode | null): string | null {
  if (node?.type !== 'string') return null
  const text = source.textOf(node).slice(1, -1)
  return text.includes('\\') ? null : text
}
