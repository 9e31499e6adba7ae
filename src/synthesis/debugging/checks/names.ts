import type { SyntaxNode } from '../../../grounding/index.js'
import { pythonNames, scriptNames, scriptPattern } from '../known-names.js'
import { hasOpenScope, importedNames, isModule, type Names } from '../names.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { ancestors, childOf, isScript, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Finds names that are used and declared nowhere, and names that are declared and never used. */
export function checkNames({ source, names }: CheckInput): Problem[] {
  if (names === null) return []
  return [...undeclaredNames(source, names), ...unusedImports(source), ...unusedLocals(source)]
}

/** For how many names a similar one is searched: each search goes over all names of the file. */
const maxSearches = 200

function undeclaredNames(source: Source, { used, declared }: Names): Problem[] {
  const isPython = source.language === 'python'
  if (hasOpenScope(source) || (!isPython && !isModule(source))) return []
  const globalsInComments = isPython ? new Set<string>() : namesInComments(source)
  const reported = new Set<string>()
  let searches = 0
  return used.flatMap(({ name, node, isType }) => {
    if (
      declared.has(name) ||
      reported.has(name) ||
      globalsInComments.has(name) ||
      !/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)
    )
      return []
    if (isPython ? pythonNames.has(name) || /^__\w+__$/.test(name) : isKnownToScripts(name)) return []
    // Types, elements and the like may come from files that are not imported.
    const isAmbient = isType || node.parent?.type.startsWith('jsx_') === true || isDeclarationFile(source)
    if (searches++ >= maxSearches) return []
    const similar = similarName(name, declared)
    if (isAmbient && similar?.charAt(0) !== name.charAt(0)) return []
    reported.add(name)
    const hint = similar === null ? '' : `; there is ${quoteSnippet(similar)}`
    return [problemAt(source, node, `name ${quoteSnippet(name)} is used, but declared nowhere${hint}`)]
  })
}

const isKnownToScripts = (name: string): boolean => scriptNames.has(name) || scriptPattern.test(name)

const isDeclarationFile = ({ path }: Source): boolean => /\.d(\.[^./]+)?\.[cm]?ts$/.test(path)

/** Names that a comment declares for linters: `/* global a, b *\/`. */
function namesInComments(source: Source): Set<string> {
  const names = new Set<string>()
  for (const node of source.tree.nodes) {
    if (node.type !== 'comment') continue
    const text = source.textOf(node)
    if (/^\/\*\s*(globals?|eslint-env|jshint|jslint|exported)\b/.test(text))
      for (const [word] of text.matchAll(/[\w$]+/g)) names.add(word)
  }
  return names
}

/** The declared name that is one typing error away; `null` if there is none, or the name is too short. */
function similarName(name: string, declared: ReadonlyMap<string, number>): string | null {
  if (name.length < 4) return null
  let found: string | null = null
  for (const other of declared.keys()) {
    if (Math.abs(other.length - name.length) <= 1 && other !== name && isOneTypoApart(name, other)) {
      if (found === null || other < found) found = other
    }
  }
  return found
}

/** Whether two names differ by one letter more, fewer or other, or by two swapped letters. */
function isOneTypoApart(a: string, b: string): boolean {
  let head = 0
  while (head < a.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < Math.min(a.length, b.length) - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const [restA, restB] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)]
  if (restA.length <= 1 && restB.length <= 1) return true
  return restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0]
}

/** Names that pages and build tools use without naming them. */
const usedImplicitly = new Set(['React', 'h', 'jsx', 'jsxs', 'Fragment', 'createElement', 'preact', 'annotations', '_'])

function unusedImports(source: Source): Problem[] {
  if (/(^|\/)(__init__\.py|conftest\.py|.*\.pyi)$/.test(source.path) || isDeclarationFile(source)) return []
  return importedNames(source).flatMap(({ local, node, statement }) => {
    if (source.words.get(local) !== 1 || usedImplicitly.has(local)) return []
    if (source.language === 'python' && (isConditional(statement) || hasComment(source, statement))) return []
    return [problemAt(source, node, `${quoteSnippet(local)} is imported and never used`)]
  })
}

/** Whether the import is in a `try` or under a condition: it may be there to see whether the module is installed. */
const isConditional = (statement: SyntaxNode): boolean =>
  [...ancestors(statement)].some(
    ({ type }) => type === 'try_statement' || type === 'if_statement' || type === 'with_statement',
  )

/** Whether a comment such as `# noqa` follows on the line. */
function hasComment(source: Source, statement: SyntaxNode): boolean {
  const end = source.text.indexOf('\n', statement.end)
  return source.text.slice(statement.start, end < 0 ? undefined : end).includes('#')
}

const functionTypes = /^(function|method_definition|arrow_function|generator_function|lambda)/
const scopeTypes = /^(function|method_definition|arrow_function|generator_function|class_(body|definition))/

function unusedLocals(source: Source): Problem[] {
  if (source.words.has('eval') || source.words.has('exec') || source.words.has('locals') || source.words.has('vars'))
    return []
  const isPython = source.language === 'python'
  return source.tree.nodes.flatMap((node) => {
    const isDeclaration = isPython
      ? node.type === 'assignment' && node.parent?.type === 'expression_statement' && childOf(node, 'right') !== null
      : isScript(source.language) && node.type === 'variable_declarator' && childOf(node, 'value') !== null
    const name = isDeclaration ? childOf(node, isPython ? 'left' : 'name') : null
    if (name?.type !== 'identifier') return []
    const text = source.textOf(name)
    if (source.words.get(text) !== 1 || text.startsWith('_')) return []
    const scope = [...ancestors(node)].find(({ type }) => scopeTypes.test(type))
    if (scope === undefined || !functionTypes.test(scope.type)) return []
    return [problemAt(source, name, `${quoteSnippet(text)} is given a value that is never used`)]
  })
}
