import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../../records/index.js'
import { attachComments, makeItem, type ItemParts } from '../../outline/items.js'
import { signatureOfCode, withoutAssignment } from '../../outline/signature.js'
import { fold, foldsWithin } from '../../outline/text.js'
import { childrenOf, field } from '../../syntax/node.js'
import type { SourceText } from '../../syntax/source-text.js'
import { exportedLater } from './exported-names.js'
import { afterDecorators, partsOfMember } from './members.js'

type Kind = OutlineItem['kind']

const kindOfDeclaration: Readonly<Record<string, Kind>> = {
  function_declaration: 'function',
  generator_function_declaration: 'function',
  function_signature: 'function',
  function_expression: 'function',
  generator_function: 'function',
  arrow_function: 'function',
  class_declaration: 'class',
  abstract_class_declaration: 'class',
  class: 'class',
  interface_declaration: 'interface',
  type_alias_declaration: 'type',
  enum_declaration: 'enum',
  lexical_declaration: 'variable',
  variable_declaration: 'variable',
  module: 'namespace',
  internal_module: 'namespace',
}

/**
 * The outline of TypeScript, TSX or JavaScript.
 *
 * @param maxDepth levels of items; deeper items are left out
 */
export function outlineOfScript(program: Node, source: SourceText, maxDepth: number): OutlineItem[] {
  const items = outlineOfStatements(program, source, maxDepth)
  if (items.length > 0) return items
  // A file may be a single function that is called at once, with all declarations inside.
  const wrapped = childrenOf(program)
    .map(bodyCalledAtOnce)
    .find((body) => body !== null)
  return wrapped === undefined ? items : outlineOfStatements(wrapped, source, maxDepth)
}

function bodyCalledAtOnce(statement: Node): Node | null {
  const types = ['parenthesized_expression', 'unary_expression', 'call_expression']
  let inner = statement.type === 'expression_statement' ? statement.namedChild(0) : null
  while (inner !== null && types.includes(inner.type)) inner = inner.namedChild(0)
  const isFunction = inner?.type === 'function_expression' || inner?.type === 'arrow_function'
  const body = isFunction && inner !== null ? field(inner, 'body') : null
  return body?.type === 'statement_block' ? body : null
}

function outlineOfStatements(container: Node, source: SourceText, levels: number): OutlineItem[] {
  if (levels <= 0) return []
  const statements = childrenOf(container)
  const listed = exportedLater(statements)
  return attachComments(statements, source).flatMap((attached) => {
    const parts = partsOfStatement(attached.node, source)
    if (parts === null) return []
    const exported = parts.exported || parts.name.split(', ').some((name) => listed.has(name))
    return [
      makeItem(source, attached, {
        ...parts,
        exported,
        children: childItems(parts.body, source, exported, levels - 1),
      }),
    ]
  })
}

interface StatementParts extends ItemParts {
  /** The class, interface, enum or namespace whose members become children. */
  body: Node | null
}

function partsOfStatement(node: Node, source: SourceText): StatementParts | null {
  if (node.type === 'export_statement') return partsOfExport(node, source)
  if (node.type === 'ambient_declaration') return partsOfAmbient(node, source)
  if (node.type === 'expression_statement') return partsOfExpression(node, source)
  return partsOfDeclaration(node, source, node)
}

/** @param outer the node at which the signature starts: an `export` or `declare` around the declaration, else itself */
function partsOfDeclaration(node: Node, source: SourceText, outer: Node): StatementParts | null {
  const kind = kindOfDeclaration[node.type]
  if (kind === undefined) return null
  if (kind === 'variable') return partsOfVariable(node, source, outer)
  const body = field(node, 'body')
  const end = body?.startIndex ?? node.endIndex
  return {
    kind,
    name: field(node, 'name')?.text.replace(/^['"]|['"]$/g, '') ?? 'default',
    signature: signatureOfCode(
      source
        .slice(afterDecorators(outer), end)
        .replace(/=>\s*$/, '')
        .replace(/;\s*$/, ''),
    ),
    exported: false,
    body: kind === 'function' || kind === 'type' ? null : node,
  }
}

function partsOfVariable(node: Node, source: SourceText, outer: Node): StatementParts | null {
  const declarators = childrenOf(node).filter((child) => child.type === 'variable_declarator')
  const names = declarators.map((declarator) => field(declarator, 'name')).filter((name) => name !== null)
  if (declarators.length > 0 && declarators.every(isRequire)) return null
  const value = declarators.length === 1 ? field(declarators[0] as Node, 'value') : null
  const kind = value === null ? undefined : kindOfDeclaration[value.type]
  const inner = value === null ? null : (field(value, 'body') ?? null)
  return {
    kind: kind ?? 'variable',
    name: names.flatMap(namesInPattern).join(', '),
    signature:
      kind === undefined || inner === null
        ? valueSignature(outer, value, source)
        : signatureOfCode(source.slice(outer.startIndex, inner.startIndex)),
    exported: false,
    body: kind === 'class' ? value : null,
  }
}

/** Whether a variable is an import: `x = require('y')`. */
function isRequire(declarator: Node): boolean {
  return /^require\s*\(\s*['"`][^'"`]*['"`]\s*\)(\.\w+)*$/.test(field(declarator, 'value')?.text ?? '')
}

/** The signature of a variable: with a short value, which tells more than its type; without a long value. */
function valueSignature(outer: Node, value: Node | null, source: SourceText): string {
  const whole = source.slice(outer.startIndex, outer.endIndex).replace(/;\s*$/, '')
  if (value === null || foldsWithin(whole, 100)) return signatureOfCode(whole)
  return signatureOfCode(withoutAssignment(source.slice(outer.startIndex, value.startIndex)))
}

function namesInPattern(pattern: Node): string[] {
  if (pattern.type === 'identifier') return [pattern.text]
  const types = ['identifier', 'shorthand_property_identifier_pattern']
  const names = pattern.descendantsOfType(types).filter((node) => node !== null)
  return names.map((node) => node.text)
}

function partsOfExport(node: Node, source: SourceText): StatementParts | null {
  const declaration = field(node, 'declaration')
  if (declaration !== null) {
    const ambient = declaration.type === 'ambient_declaration' ? partsOfAmbient(declaration, source) : null
    const parts = ambient ?? partsOfDeclaration(declaration, source, node)
    return parts === null ? null : { ...parts, exported: true }
  }
  const value = field(node, 'value')
  if (value !== null) {
    const parts = partsOfDeclaration(value, source, node)
    if (parts !== null) return { ...parts, exported: true }
    return {
      kind: 'export',
      name: 'default',
      signature: valueSignature(node, value, source),
      exported: true,
      body: null,
    }
  }
  const from = field(node, 'source')?.text.slice(1, -1)
  const names = childrenOf(node).flatMap((child) => {
    if (child.type === 'namespace_export') return [`* as ${child.namedChild(0)?.text ?? ''}`]
    if (child.type !== 'export_clause') return []
    return childrenOf(child).map(
      (specifier) => (field(specifier, 'alias') ?? field(specifier, 'name') ?? specifier).text,
    )
  })
  const name =
    names.length > 0 ? names.join(', ') : from === undefined ? fold(node.text).replace(/^export\s*=?\s*|;$/g, '') : '*'
  return {
    kind: 'export',
    name,
    signature: signatureOfCode(node.text.replace(/;\s*$/, '')),
    exported: true,
    body: null,
  }
}

function partsOfAmbient(node: Node, source: SourceText): StatementParts | null {
  for (const child of childrenOf(node)) {
    const parts = partsOfDeclaration(child, source, node)
    if (parts !== null) return parts
    if (child.type === 'statement_block') {
      return { kind: 'namespace', name: 'global', signature: 'declare global', exported: false, body: node }
    }
  }
  return null
}

/** `namespace A {}`, CommonJS exports and named blocks of tests, all of which are expressions in the grammar. */
function partsOfExpression(node: Node, source: SourceText): StatementParts | null {
  const expression = node.namedChild(0)
  if (expression?.type === 'internal_module') return partsOfDeclaration(expression, source, node)
  if (expression?.type === 'call_expression') return partsOfNamedCall(expression, source)
  if (expression?.type !== 'assignment_expression') return null
  const [left, right] = [field(expression, 'left'), field(expression, 'right')]
  if (left?.type !== 'member_expression' || right === null) return null
  const target = fold(left.text)
  const exported = /^(module\.)?exports(\.|$)/.test(target)
  const kind = kindOfDeclaration[right.type]
  if (!exported && kind !== 'function') return null
  const body = field(right, 'body')
  return {
    kind: kind ?? (target === 'module.exports' || right.type === 'identifier' ? 'export' : 'variable'),
    name: target.replace(/^(module\.)?exports\./, ''),
    signature:
      kind === undefined || body === null
        ? valueSignature(node, right, source)
        : signatureOfCode(source.slice(node.startIndex, body.startIndex)),
    exported,
    body: kind === 'class' ? right : null,
  }
}

/** `test('adds', () => {})`: a call whose first argument names its function. */
function partsOfNamedCall(call: Node, source: SourceText): StatementParts | null {
  const [first, ...others] = childrenOf(field(call, 'arguments'))
  const hasBody = others.some(({ type }) => type === 'arrow_function' || type === 'function_expression')
  if (first?.type !== 'string' || !hasBody) return null
  const signature = signatureOfCode(`${source.slice(call.startIndex, first.endIndex)})`)
  return { kind: 'section', name: signatureOfCode(first.text.slice(1, -1)), signature, exported: false, body: null }
}

function childItems(owner: Node | null, source: SourceText, exported: boolean, levels: number): OutlineItem[] {
  if (owner === null || levels <= 0) return []
  const body = field(owner, 'body') ?? childrenOf(owner).find((child) => child.type === 'statement_block') ?? null
  if (body === null) return []
  if (body.type === 'statement_block') return outlineOfStatements(body, source, levels)
  return attachComments(childrenOf(body), source).flatMap((attached) => {
    const parts = partsOfMember(attached, source)
    if (parts === null) return []
    return [makeItem(source, attached, { ...parts, exported: exported && parts.exported })]
  })
}
