import type { Node } from 'web-tree-sitter'
import { statementsWith } from '../../syntax/find-in-text.js'
import { ancestorsOf, childrenOf, field } from '../../syntax/node.js'
import type { RawImport } from '../raw-import.js'

/** A keyword where a statement may begin: comments and docstrings contain the words `from` and `import` too. */
const keyword = /\b(?:import|from)\b(?<=(?:^|[;:])[ \t\f]*(?:import|from))/gm

/** `import` and `from ... import` anywhere in the file: in functions, `try` and `if TYPE_CHECKING` as well. */
export function importsOfPython(module: Node): RawImport[] {
  return statementsWith(module, keyword, ['import_statement', 'import_from_statement']).flatMap((node) => {
    const found = node.type === 'import_statement' ? modulesImported(node) : namesImported(node)
    const weak = isWeak(node)
    return found.map((raw) => ({ ...raw, weak }))
  })
}

/** Whether the import is in a function or under `if TYPE_CHECKING`: loading the module does not need it. */
function isWeak(node: Node): boolean {
  for (const outer of ancestorsOf(node)) {
    if (outer.type === 'function_definition' || outer.type === 'lambda') return true
    if (outer.type !== 'if_statement' || !/\bTYPE_CHECKING$/.test(field(outer, 'condition')?.text ?? '')) continue
    const then = field(outer, 'consequence')
    if (then !== null && node.startIndex < then.endIndex && !/^not\b/.test(field(outer, 'condition')?.text ?? ''))
      return true
  }
  return false
}

type Found = Omit<RawImport, 'weak'>

function modulesImported(node: Node): Found[] {
  return node.childrenForFieldName('name').flatMap((name) => {
    return name === null ? [] : [{ specifier: moduleName(name), names: ['*'], from: false }]
  })
}

function namesImported(node: Node): Found[] {
  const module = field(node, 'module_name')
  if (module === null) return []
  const takesAll = childrenOf(node).some((child) => child.type === 'wildcard_import')
  const named = node.childrenForFieldName('name').flatMap((name) => (name === null ? [] : [moduleName(name)]))
  return [{ specifier: module.text.replace(/\s+/g, ''), names: takesAll ? ['*'] : named, from: true }]
}

/** The name that the module has for it: `a` of `a as b`. */
function moduleName(node: Node): string {
  return (node.type === 'aliased_import' ? (field(node, 'name') ?? node) : node).text.replace(/\s+/g, '')
}
