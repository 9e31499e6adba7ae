import type { Node } from 'web-tree-sitter'
import type { OutlineItem } from '../../../records/index.js'
import { attachComments, makeItem, type Attached } from '../../outline/items.js'
import { signatureOf, withoutAssignment } from '../../outline/signature.js'
import { beginningOf, foldsWithin } from '../../outline/text.js'
import { childrenOf, field } from '../../syntax/node.js'
import type { SourceText } from '../../syntax/source-text.js'
import { docstringOf, proseOfDocstring } from './docstring.js'

/**
 * The outline of a Python module; declarations under a top-level `if` or `try` count as the module's own.
 *
 * @param maxDepth levels of blocks; deeper declarations are left out
 */
export function outlineOfPython(module: Node, source: SourceText, maxDepth: number): OutlineItem[] {
  const listed = namesInAll(module)
  const isExported = (name: string): boolean => !name.startsWith('_') || listed.has(name)
  return outlineOfBlock(module, source, 'module', isExported, maxDepth)
}

type IsExported = (name: string) => boolean

function outlineOfBlock(
  block: Node,
  source: SourceText,
  owner: 'module' | 'class',
  isExported: IsExported,
  levels: number,
): OutlineItem[] {
  if (levels <= 0) return []
  return attachComments(childrenOf(block), source).flatMap((attached): OutlineItem[] => {
    const { node } = attached
    const definition = node.type === 'decorated_definition' ? field(node, 'definition') : node
    if (definition?.type === 'function_definition')
      return [functionItem(attached, definition, source, owner, isExported)]
    if (definition?.type === 'class_definition') return [classItem(attached, definition, source, isExported, levels)]
    if (node.type === 'expression_statement' || node.type === 'type_alias_statement') {
      return variableItem(attached, source, owner, isExported)
    }
    const isBranching = node.type === 'if_statement' || node.type === 'try_statement' || node.type === 'with_statement'
    if (!isBranching) return []
    return blocksIn(node).flatMap((inner) => outlineOfBlock(inner, source, owner, isExported, levels - 1))
  })
}

/** The blocks of an `if` with its `elif` and `else`, or of a `try` with its handlers. */
function blocksIn(node: Node): Node[] {
  return childrenOf(node).flatMap((child) => {
    if (child.type === 'block') return [child]
    return child.type.endsWith('_clause') ? blocksIn(child) : []
  })
}

function functionItem(
  attached: Attached,
  node: Node,
  source: SourceText,
  owner: 'module' | 'class',
  isExported: IsExported,
): OutlineItem {
  const name = field(node, 'name')?.text ?? ''
  const docstring = docstringOf(field(node, 'body'))
  return makeItem(source, attached, {
    kind: owner === 'class' ? 'method' : 'function',
    name,
    signature: headOf(node, source),
    exported: isExported(name),
    ...(docstring === null ? {} : { doc: proseOfDocstring(docstring) }),
  })
}

function classItem(
  attached: Attached,
  node: Node,
  source: SourceText,
  isExported: IsExported,
  levels: number,
): OutlineItem {
  const name = field(node, 'name')?.text ?? ''
  const body = field(node, 'body')
  const docstring = docstringOf(body)
  const exported = isExported(name)
  const memberIsExported = (member: string): boolean =>
    exported && (!member.startsWith('_') || /^__\w+__$/.test(member))
  return makeItem(source, attached, {
    kind: 'class',
    name,
    signature: headOf(node, source),
    exported,
    children: body === null ? [] : outlineOfBlock(body, source, 'class', memberIsExported, levels - 1),
    ...(docstring === null ? {} : { doc: proseOfDocstring(docstring) }),
  })
}

function headOf(node: Node, source: SourceText): string {
  // A comment may stand between the colon and the body.
  const colon = node.children.findLast((child) => child?.type === ':')
  const end = colon?.startIndex ?? field(node, 'body')?.startIndex ?? node.endIndex
  return signatureOfPython(source.slice(node.startIndex, end))
}

function variableItem(
  attached: Attached,
  source: SourceText,
  owner: 'module' | 'class',
  isExported: IsExported,
): OutlineItem[] {
  const statement = attached.node
  if (statement.type === 'type_alias_statement') {
    const name = statement.namedChild(0)?.text.replace(/\[.*/s, '') ?? ''
    return [
      makeItem(source, attached, {
        kind: 'type',
        name,
        signature: signatureOfPython(statement.text),
        exported: isExported(name),
      }),
    ]
  }
  const assignment = statement.namedChild(0)
  if (assignment?.type !== 'assignment') return []
  const left = field(assignment, 'left')
  const names = left === null ? [] : namesOf(left)
  if (names.length === 0) return []
  const whole = statement.text
  const value = field(assignment, 'right')
  const isLong = value !== null && !foldsWithin(whole, 100)
  const signature = isLong ? withoutAssignment(source.slice(statement.startIndex, value.startIndex)) : whole
  const kind = names[0] === '__all__' ? 'export' : owner === 'class' ? 'property' : 'variable'
  const exported = names.some(isExported)
  return [
    makeItem(source, attached, { kind, name: names.join(', '), signature: signatureOfPython(signature), exported }),
  ]
}

/** The names of `a` and `a, b`; none for `a.b` and `a[0]`, which declare nothing. */
function namesOf(left: Node): string[] {
  if (left.type === 'identifier') return [left.text]
  if (!/_pattern$|^pattern_list$/.test(left.type)) return []
  return childrenOf(left)
    .filter((child) => child.type === 'identifier')
    .map((child) => child.text)
}

function namesInAll(module: Node): Set<string> {
  const names = new Set<string>()
  for (const statement of childrenOf(module)) {
    const assignment = statement.type === 'expression_statement' ? statement.namedChild(0) : null
    if (assignment === null || field(assignment, 'left')?.text !== '__all__') continue
    for (const literal of field(assignment, 'right')?.descendantsOfType('string_content') ?? []) {
      if (literal !== null) names.add(literal.text)
    }
  }
  return names
}

/** `signatureOf` without the comments. */
const signatureOfPython = (code: string): string =>
  signatureOf(beginningOf(code).replace(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|#[^\n]*/g, '$1'))
