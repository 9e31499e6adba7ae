import type { SyntaxNode } from '../../../grounding/index.js'
import type { Change } from '../change.js'
import { givesStandardName } from '../checks/standard-imports.js'
import { importedNames } from '../names.js'
import { shown } from '../problem.js'
import { childOf, isScript, type Source } from '../source.js'
import { misspell } from './misspell.js'

export const importTypes =
  /^(import_statement|import_from_statement|export_statement|import_declaration|import_spec|use_declaration|using_directive|preproc_include|namespace_use_declaration|require_once_expression)$/

/** The last part of an import's path or one of the names that it takes, with a slip in it. */
export function wrongImports(source: Source): Change[] {
  const paths = source.tree.nodes.flatMap((node) => {
    const isImport = importTypes.test(node.type) || (source.language === 'ruby' && isRequire(source, node))
    return isImport ? (lastPart(source, node) ?? []) : []
  })
  const names = importedNames(source).flatMap(({ imported, node }) => {
    const name = childOf(node, 'name') ?? node
    return imported === 'default' || imported === '*' ? [] : (slipAt(source, name.start, name.end) ?? [])
  })
  return [...paths, ...names]
}

const isRequire = (source: Source, node: SyntaxNode): boolean =>
  node.type === 'call' && source.textOf(childOf(node, 'method') ?? node) === 'require_relative'

function lastPart(source: Source, node: SyntaxNode): Change | null {
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
  return last === undefined ? null : slipAt(source, path.start + last.index, path.start + last.index + last[0].length)
}

function slipAt(source: Source, start: number, end: number): Change | null {
  const name = source.text.slice(start, end)
  const wrong = misspell(name)
  if (wrong === null || source.words.has(wrong)) return null
  return { start, end, text: wrong, detail: `the import says ${shown(wrong)} for ${shown(name)}` }
}

/** An import statement of one line, left out; in languages that need other files to say what is missing, of a known name. */
export function missingImports(source: Source): Change[] {
  return source.tree.nodes.flatMap((node) => {
    const isSeen = /^import(_from)?_statement$/.test(node.type) || givesStandardName(source, node)
    if (!isSeen) return []
    const start = source.text.lastIndexOf('\n', node.start) + 1
    const end = source.text.indexOf('\n', node.end) + 1
    const isAlone =
      end > 0 && source.text.slice(start, node.start).trim() === '' && /^[;\s]*$/.test(source.text.slice(node.end, end))
    if (!isAlone) return []
    return [{ start, end, text: '', detail: `left out: ${shown(source.textOf(node))}` }]
  })
}
