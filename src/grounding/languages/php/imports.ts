import type { Node } from 'web-tree-sitter'
import { byCodeUnits } from '../../order/code-units.js'
import { namesMatching, nodesMatching } from '../../syntax/find-in-text.js'
import { ancestorsOf, childrenOf, field } from '../../syntax/node.js'
import type { RawImport } from '../raw-import.js'
import { maxReferences } from '../support.js'

/** `use` of classes, functions and constants, then `require` and `include` with a path that the code states. */
export function importsOfPhp(root: Node): RawImport[] {
  const used = usesIn(root).map(({ name, form }): RawImport => {
    return { specifier: name, names: [shortName(name)], from: false, weak: false, form }
  })
  const included = nodesMatching(root, /\b(?:require|include)(?:_once)?\b/g).flatMap((node): RawImport[] => {
    const expression = node.type.endsWith('_expression') ? node : node.parent
    if (expression === null || !/^(require|include)(_once)?_expression$/.test(expression.type)) return []
    if (expression.startIndex !== node.startIndex) return []
    const path = pathOf(expression.namedChild(0)?.text ?? '')
    return path === null ? [] : [{ ...path, names: ['*'], from: false, weak: isWeak(expression) }]
  })
  return [...used, ...included]
}

/** The namespace of the file, without a leading backslash. */
export function scopeOfPhp(root: Node): string {
  const namespace = childrenOf(root).find((node) => node.type === 'namespace_definition')
  return (namespace === undefined ? null : field(namespace, 'name'))?.text ?? ''
}

/** A name that a `use` imports. */
interface Use {
  name: string
  alias: string
  form: 'class' | 'function' | 'const'
}

function usesIn(root: Node): Use[] {
  return childrenOf(root).flatMap((node) => {
    if (node.type === 'namespace_use_declaration') return usesOf(node)
    const body = node.type === 'namespace_definition' ? field(node, 'body') : null
    return body === null
      ? []
      : childrenOf(body).flatMap((child) => (child.type === 'namespace_use_declaration' ? usesOf(child) : []))
  })
}

function usesOf(declaration: Node): Use[] {
  const form = formOf(declaration)
  const group = field(declaration, 'body')
  const prefix =
    group === null ? '' : (childrenOf(declaration).find((child) => child.type === 'namespace_name')?.text ?? '')
  return childrenOf(group ?? declaration).flatMap((clause) => {
    if (clause.type !== 'namespace_use_clause') return []
    const name = clause.namedChild(0)?.text ?? ''
    const full = `${prefix === '' ? '' : `${prefix}\\`}${name}`.replace(/^\\/, '')
    return name === ''
      ? []
      : [
          {
            name: full,
            alias: field(clause, 'alias')?.text ?? shortName(name),
            form: formOf(clause) ?? form ?? 'class',
          },
        ]
  })
}

const formOf = (node: Node): 'function' | 'const' | undefined => {
  const written = /^(?:use\s+)?(function|const)\s/.exec(node.text.slice(0, 40))?.[1]
  return written === 'function' || written === 'const' ? written : undefined
}

const shortName = (name: string): string => name.split('\\').at(-1) ?? name

/** Whether an include is inside a function, which reads it only when it is called. */
function isWeak(node: Node): boolean {
  for (const outer of ancestorsOf(node)) {
    if (/^(method_declaration|function_definition|anonymous_function|arrow_function)$/.test(outer.type)) return true
  }
  return false
}

const here = String.raw`(?:__DIR__|dirname\(\s*__FILE__\s*\))`

/** The path of `'a.php'`, of `__DIR__ . '/a.php'`, and of their older forms and forms with a higher folder. */
function pathOf(code: string): { specifier: string; form: string } | null {
  if (code.length > 300) return null
  const inner = code.replace(/^\(\s*([\s\S]*?)\s*\)$/, '$1')
  const literal = /^(['"])([^'"$]+)\1$/.exec(inner)?.[2]
  if (literal !== undefined) return { specifier: literal, form: 'path' }
  const beside = new RegExp(`^${here}\\s*\\.\\s*(['"])/?([^'"$]+)\\1$`).exec(inner)
  if (beside !== null) return { specifier: beside[2] as string, form: 'relative' }
  const above = new RegExp(`^dirname\\(\\s*${here}\\s*(?:,\\s*([1-9])\\s*)?\\)\\s*\\.\\s*(['"])/?([^'"$]+)\\2$`).exec(
    inner,
  )
  if (above === null) return null
  return { specifier: '../'.repeat(Number(above[1] ?? 1)) + (above[3] as string), form: 'relative' }
}

/**
 * The classes that a file names and does not import: relative to its own namespace without a leading backslash, in
 * full with one. A name that begins with the alias of an imported namespace is given in full.
 */
export function referencesOfPhp(root: Node): string[] {
  const aliases = new Map(usesIn(root).map(({ alias, name }) => [alias.toLowerCase(), name]))
  const used = namesMatching(root, /(?<![\w\\$>])\\?[A-Z]\w*(?:\\\w+){0,12}/g, namesClass)
  const full = [...used].flatMap((name) => {
    const [first = '', ...rest] = name.split('\\')
    const alias = aliases.get(first.toLowerCase())
    if (first === '' || alias === undefined) return [name]
    return rest.length > 0 ? [`\\${[alias, ...rest].join('\\')}`] : []
  })
  return [...new Set(full)].sort(byCodeUnits).slice(0, maxReferences)
}

/** Whether a node names a class: not in its declaration, a comment, a string or HTML. */
function namesClass(node: Node): boolean {
  if (node.type === 'qualified_name') return node.parent?.type !== 'namespace_use_clause'
  const outer = node.type === 'name' ? node.parent?.type : undefined
  return outer !== undefined && !notClass.test(outer)
}

const notClass =
  /^(class|interface|trait|enum|method|function|const)_(declaration|definition|element)$|^(enum_case|namespace_\w+|variable_name|member_\w+|named_label_statement|goto_statement)$/
