import type { ImportRecord } from '../../../records/index.js'
import type { FileExports } from '../file-exports.js'
import { importedNames } from '../names.js'
import { problemAt, shown, type Problem } from '../problem.js'
import { ancestors, isScript, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Imports that lead to no written file although they should, and names that the file that they lead to does not have. */
export function checkImports({ source, imports, exports }: CheckInput): Problem[] {
  return [...missingFiles(source, imports), ...missingNames(source, imports, exports)]
}

/** Languages in which the paths alone say where an import leads; in the others it takes what every file declares. */
const ledByPaths: readonly string[] = ['typescript', 'tsx', 'javascript', 'python', 'go', 'rust', 'ruby', 'c', 'cpp']

function missingFiles(source: Source, imports: readonly ImportRecord[]): Problem[] {
  if (!ledByPaths.includes(source.language)) return []
  const tried = triedLines(source)
  return imports.flatMap(({ specifier, names, target }) => {
    if (target.kind !== 'unresolved' || !isSure(specifier, target.reason)) return []
    if (source.language === 'ruby' && isFromStart(source, specifier)) return []
    const line = lineOfImport(source, specifier, names)
    if (tried.has(line)) return []
    return [{ line, text: `import of ${shown(specifier)} leads to no written file: ${target.reason}` }]
  })
}

/** Not what is beyond the repository, what a build makes, or a package that a folder only has the name of. */
const isSure = (specifier: string, reason: string): boolean =>
  !/URL|absolute path|too long|made from|made when|was skipped/.test(reason) &&
  !/(^|[./])_?version$|generated|_pb2$/.test(specifier) &&
  (specifier.startsWith('.') || !/folder without|has no file for it|path mapping|"imports" entry/.test(reason))

/** Ruby's `require './a'` begins in the folder that the program is started in, which nobody knows. */
const isFromStart = ({ text }: Source, specifier: string): boolean =>
  specifier.startsWith('.') && !/require_relative[ (]+['"]$/.test(text.slice(0, text.indexOf(specifier)))

/** Lines in which a Python import may fail, since something is there for that case. */
function triedLines(source: Source): Set<number> {
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

/** The first line that has the specifier, and a name if there is one that has both. */
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
    const record = imports.find((one) => one.specifier === specifier && one.names.includes(imported))
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
    const what = imported === 'default' ? 'no default export' : `no ${shown(imported)}`
    return [problemAt(source, node, `${record.target.path} has ${what}`)]
  })
}
