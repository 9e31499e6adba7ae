import type { SyntaxNode } from '../../../grounding/index.js'
import type { Change } from '../change.js'
import { importsStandardName } from '../checks/standard-imports.js'
import { importedNames } from '../names.js'
import { quoteSnippet } from '../problem.js'
import { childOf, isScript, type Source } from '../source.js'
import { misspell } from './misspell.js'

export const importTypes =
  /^(import_statement|import_from_statement|export_statement|import_declaration|import_spec|use_declaration|using_directive|preproc_include|namespace_use_declaration|require_once_expression)$/

/** Misspells the last part of the path of an import, or one of the imported names. */
export function wrongImports(source: Source): Change[] {
  const paths = source.tree.nodes.flatMap((node) => {
    const isImport = importTypes.test(node.type) || (source.language === 'ruby' && isRequire(source, node))
    return isImport ? (misspellPath(source, node) ?? []) : []
  })
  const names = importedNames(source).flatMap(({ imported, node }) => {
    const name = childOf(node, 'name') ?? node
    return imported === 'default' || imported === '*' ? [] : (misspellAt(source, name.start, name.end) ?? [])
  })
  return [...paths, ...names]
}

const isRequire = (source: Source, node: SyntaxNode): boolean =>
  node.type === 'call' && source.textOf(childOf(node, 'method') ?? node) === 'require_relative'

function misspellPath(source: Source, node: SyntaxNode): Change | null {
  const path =
    childOf(node, 'source') ??
    childOf(node, 'module_name') ??
    childOf(node, 'path') ??
    childOf(node, 'argument') ??
    childOf(node, 'arguments') ??
    (isScript(source.language) ? null : (childOf(node, 'name') ?? node))
  if (path === null) return null
  const words = [...source.textOf(path).matchAll(/[A-Za-z_][\w-]*/g)].filter(
    ([word]) => !/^(js|ts|mjs|cjs|tsx|jsx|json|h|hpp|index|import|use|using|static|crate|super|self|as|py)$/.test(word),
  )
  const last = words.at(-1)
  return last === undefined
    ? null
    : misspellAt(source, path.start + last.index, path.start + last.index + last[0].length)
}

function misspellAt(source: Source, start: number, end: number): Change | null {
  const name = source.text.slice(start, end)
  const wrong = misspell(name)
  if (wrong === null || source.words.has(wrong)) return null
  return { start, end, text: wrong, detail: `the import says ${quoteSnippet(wrong)} for ${quoteSnippet(name)}` }
}

/**
 * Leaves out an import statement of one line. In languages whose declared names are not known from one file, only an
 * import of a known standard name, since its absence can be seen.
 */
export function missingImports(source: Source): Change[] {
  return source.tree.nodes.flatMap((node) => {
    const isCheckable = /^import(_from)?_statement$/.test(node.type) || importsStandardName(source, node)
    if (!isCheckable) return []
    const start = source.text.lastIndexOf('\n', node.start) + 1
    const end = source.text.indexOf('\n', node.end) + 1
    const isAlone =
      end > 0 && source.text.slice(start, node.start).trim() === '' && /^[;\s]*$/.test(source.text.slice(node.end, end))
    if (!isAlone) return []
    return [{ start, end, text: '', detail: `left out: ${quoteSnippet(source.textOf(node))}` }]
  })
}
