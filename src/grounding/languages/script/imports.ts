import type { Node } from 'web-tree-sitter'
import { nodesMatching } from '../../syntax/find-in-text.js'
import { ancestorsOf, childrenOf, field } from '../../syntax/node.js'
import type { RawImport } from '../raw-import.js'

/** The keywords of imports; of `export`, only where it is not before a declaration, which imports nothing. */
const keyword =
  /\b(?:import|require|export(?!\s+(?:default|const|let|var|function|async|class|interface|enum|abstract|declare|namespace)\b))\b/g

const keywordTypes: readonly string[] = ['import', 'export', 'identifier']
const importTypes: readonly string[] = ['import_statement', 'export_statement', 'call_expression']

/** Imports, re-exports, `require` and `import()` with a literal, anywhere in the file, in order. */
export function importsOfScript(program: Node): RawImport[] {
  return nodesMatching(program, keyword).flatMap((token) => {
    const outer = keywordTypes.includes(token.type) ? token.parent : null
    // In `import('a')` the function is a node around the keyword.
    const node = outer?.type === 'import' ? outer.parent : outer
    if (node === null || !importTypes.includes(node.type)) return []
    const found = node.type === 'call_expression' ? fromCall(node) : fromStatement(node)
    return found === null ? [] : [{ ...found, weak: isWeak(node) }]
  })
}

/** Whether loading the module does not need the import: an `import type`, or a call inside a function. */
function isWeak(node: Node): boolean {
  if (node.type !== 'call_expression') return node.children.some((child) => child?.type === 'type')
  for (const outer of ancestorsOf(node)) if (/function|method_definition/.test(outer.type)) return true
  return false
}

type Found = Omit<RawImport, 'weak'>

function fromStatement(node: Node): Found | null {
  const clause = childrenOf(node).find((child) => child.type === 'import_require_clause')
  const specifier = literalOf(field(node, 'source') ?? (clause === undefined ? null : field(clause, 'source')))
  if (specifier === null) return null
  if (clause !== undefined) return { specifier, names: ['*'], from: false }
  return {
    specifier,
    names: node.type === 'import_statement' ? namesImported(node) : namesReexported(node),
    from: false,
  }
}

function namesImported(node: Node): string[] {
  const clause = childrenOf(node).find((child) => child.type === 'import_clause')
  return childrenOf(clause ?? null).flatMap((part) => {
    if (part.type === 'identifier') return ['default']
    if (part.type === 'namespace_import') return ['*']
    return part.type === 'named_imports' ? namesOfSpecifiers(part) : []
  })
}

function namesReexported(node: Node): string[] {
  const clause = childrenOf(node).find((child) => child.type === 'export_clause')
  return clause === undefined ? ['*'] : namesOfSpecifiers(clause)
}

function namesOfSpecifiers(list: Node): string[] {
  return childrenOf(list).flatMap((specifier) => {
    const name = field(specifier, 'name')
    return name === null ? [] : [literalOf(name) ?? name.text]
  })
}

function fromCall(node: Node): Found | null {
  const called = field(node, 'function')
  if (called?.type !== 'import' && !(called?.type === 'identifier' && called.text === 'require')) return null
  const specifier = literalOf(field(node, 'arguments')?.namedChild(0) ?? null)
  return specifier === null ? null : { specifier, names: namesTaken(node), from: false }
}

/** `{ a } = require(x)` takes `a`, `require(x).b` takes `b`, a call by itself takes nothing. */
function namesTaken(call: Node): string[] {
  let outer = call.parent
  while (outer?.type === 'await_expression' || outer?.type === 'parenthesized_expression') outer = outer.parent
  if (outer?.type === 'expression_statement') return []
  if (outer?.type === 'member_expression') {
    const property = field(outer, 'property')?.text ?? '*'
    return [/^(then|catch|finally)$/.test(property) ? '*' : property]
  }
  const pattern = outer?.type === 'variable_declarator' ? field(outer, 'name') : null
  if (pattern?.type !== 'object_pattern') return ['*']
  const names = childrenOf(pattern).flatMap((part) => {
    const key =
      part.type === 'pair_pattern'
        ? field(part, 'key')
        : part.type === 'object_assignment_pattern'
          ? field(part, 'left')
          : part
    return key === null || key.type === 'rest_pattern' ? ['*'] : [key.text]
  })
  return [...new Set(names)]
}

/** The text of a string without escapes or substitutions; `null` for other nodes. */
function literalOf(node: Node | null): string | null {
  if (node?.type !== 'string' && node?.type !== 'template_string') return null
  const parts = childrenOf(node)
  const isPlain = parts.every((part) => part.type === 'string_fragment')
  return isPlain ? node.text.slice(1, -1) : null
}
