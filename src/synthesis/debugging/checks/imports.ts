import type { ImportRecord } from '../../../records/index.js'
import type { FileExports } from '../file-exports.js'
import { importedNames } from '../names.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { ancestors, isScript, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Finds imports that should lead to a written file and lead to none, and imported names that their file does not have. */
export function checkImports({ source, imports, exports }: CheckInput): Problem[] {
  return [...missingFiles(source, imports), ...missingNames(source, imports, exports)]
}

/** Languages whose imports are resolved by paths alone. For the others one has to know what every file declares. */
const languagesResolvedByPath: readonly string[] = [
  'typescript',
  'tsx',
  'javascript',
  'python',
  'go',
  'rust',
  'ruby',
  'c',
  'cpp',
]

function missingFiles(source: Source, imports: readonly ImportRecord[]): Problem[] {
  if (!languagesResolvedByPath.includes(source.language)) return []
  const linesInTry = importLinesInTry(source)
  return imports.flatMap(({ specifier, names, target }) => {
    if (target.kind !== 'unresolved' || !isCertain(specifier, target.reason)) return []
    if (source.language === 'ruby' && isFromWorkingFolder(source, specifier)) return []
    const line = lineOfImport(source, specifier, names)
    if (linesInTry.has(line)) return []
    return [{ line, text: `import of ${quoteSnippet(specifier)} leads to no written file: ${target.reason}` }]
  })
}

/** Whether the import is certainly wrong: it may lead out of the repository, to a generated file, or to a package. */
const isCertain = (specifier: string, reason: string): boolean =>
  !/URL|absolute path|too long|made from|made when|was skipped/.test(reason) &&
  !/(^|[./])_?version$|generated|_pb2$/.test(specifier) &&
  (specifier.startsWith('.') || !/folder without|has no file for it|path mapping|"imports" entry/.test(reason))

/** Whether the path begins in the folder in which the program is started, as in `require './a'` of Ruby. */
const isFromWorkingFolder = ({ text }: Source, specifier: string): boolean =>
  specifier.startsWith('.') && !/require_relative[ (]+['"]$/.test(text.slice(0, text.indexOf(specifier)))

/** Lines of Python imports inside a `try`, which may fail. */
function importLinesInTry(source: Source): Set<number> {
  const lines = new Set<number>()
  if (source.language !== 'python') return lines
  for (const node of source.tree.nodes) {
    if (
      !/^import(_from)?_statement$/.test(node.type) ||
      ![...ancestors(node)].some(({ type }) => type === 'try_statement')
    )
      continue
    for (let line = source.lineOf(node.start); line <= source.lineOf(node.end); line++) lines.add(line)
  }
  return lines
}

/** The first line with the specifier and one of the names; otherwise the first line with the specifier. */
function lineOfImport(source: Source, specifier: string, names: readonly string[]): number {
  let first = 0
  const lines = source.text.split('\n')
  for (const [at, line] of lines.entries()) {
    if (!line.includes(specifier) || !/import|require|include|from|use|using|export|mod/.test(line)) continue
    if (names.some((name) => line.includes(name))) return at + 1
    if (first === 0) first = at + 1
  }
  return first === 0 ? Math.max(1, lines.findIndex((line) => line.includes(specifier)) + 1) : first
}

function missingNames(
  source: Source,
  imports: readonly ImportRecord[],
  exports: ReadonlyMap<string, FileExports>,
): Problem[] {
  return importedNames(source).flatMap(({ imported, specifier, node, statement }) => {
    if (
      imported === '*' ||
      (source.language === 'python' && [...ancestors(statement)].some(({ type }) => type === 'try_statement'))
    )
      return []
    const record = imports.find((candidate) => candidate.specifier === specifier && candidate.names.includes(imported))
    if (record?.target.kind !== 'file' || record.target.path === source.path) return []
    const exported = exports.get(record.target.path)
    const isOfKind = isScript(source.language) ? /\.[cm]?[jt]sx?$/ : /\.py$/
    if (
      exported === undefined ||
      exported.names === null ||
      exported.names.has(imported) ||
      !isOfKind.test(record.target.path)
    )
      return []
    const what = imported === 'default' ? 'no default export' : `no ${quoteSnippet(imported)}`
    return [problemAt(source, node, `${record.target.path} has ${what}`)]
  })
}
