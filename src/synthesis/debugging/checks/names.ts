import type { SyntaxNode } from '../../../grounding/index.js'
import { pythonNames, scriptNames, scriptPattern } from '../known-names.js'
import { hasOpenScope, importedNames, isModule, type Names } from '../names.js'
import { problemAt, shown, type Problem } from '../problem.js'
import { ancestors, childOf, isScript, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Names that are used and declared nowhere, and names that are declared and never used. */
export function checkNames({ source, names }: CheckInput): Problem[] {
  if (names === null) return []
  return [...undeclaredNames(source, names), ...unusedImports(source), ...unusedLocals(source)]
}

/** Names to look for a likely one for: each look goes over all names of the file. */
const maxLooks = 200

function undeclaredNames(source: Source, { used, declared }: Names): Problem[] {
  const isPython = source.language === 'python'
  if (hasOpenScope(source) || (!isPython && !isModule(source))) return []
  const commented = isPython ? new Set<string>() : namesInComments(source)
  const told = new Set<string>()
  let looks = 0
  return used.flatMap(({ name, node, isType }) => {
    if (declared.has(name) || told.has(name) || commented.has(name) || !/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name))
      return []
    if (isPython ? pythonNames.has(name) || /^__\w+__$/.test(name) : isKnownToScripts(name)) return []
    // Types, elements and the like may come from files that nobody imports.
    const isAmbient = isType || node.parent?.type.startsWith('jsx_') === true || isDeclarationFile(source)
    if (looks++ >= maxLooks) return []
    const near = nearestName(name, declared)
    if (isAmbient && near?.charAt(0) !== name.charAt(0)) return []
    told.add(name)
    const hint = near === null ? '' : `; there is ${shown(near)}`
    return [problemAt(source, node, `name ${shown(name)} is used, but declared nowhere${hint}`)]
  })
}

const isKnownToScripts = (name: string): boolean => scriptNames.has(name) || scriptPattern.test(name)

const isDeclarationFile = ({ path }: Source): boolean => /\.d(\.[^./]+)?\.[cm]?ts$/.test(path)

/** Linters are told of foreign names in comments: `/* global a, b *\/`. */
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

/** The declared name that is one slip of the hand away; `null` where there is none, or the name is too short to tell. */
export function nearestName(name: string, declared: ReadonlyMap<string, number>): string | null {
  if (name.length < 4) return null
  let found: string | null = null
  for (const other of declared.keys()) {
    if (Math.abs(other.length - name.length) <= 1 && other !== name && isOneSlip(name, other)) {
      if (found === null || other < found) found = other
    }
  }
  return found
}

/** Whether one letter more, fewer, other, or two swapped make the one the other. */
function isOneSlip(a: string, b: string): boolean {
  let head = 0
  while (head < a.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < Math.min(a.length, b.length) - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const [restA, restB] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)]
  if (restA.length <= 1 && restB.length <= 1) return true
  return restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0]
}

/** Names that pages and builds use unseen. */
const usedUnseen = new Set(['React', 'h', 'jsx', 'jsxs', 'Fragment', 'createElement', 'preact', 'annotations', '_'])

function unusedImports(source: Source): Problem[] {
  if (/(^|\/)(__init__\.py|conftest\.py|.*\.pyi)$/.test(source.path) || isDeclarationFile(source)) return []
  return importedNames(source).flatMap(({ local, node, statement }) => {
    if (source.words.get(local) !== 1 || usedUnseen.has(local)) return []
    if (source.language === 'python' && (isTried(statement) || isMarked(source, statement))) return []
    return [problemAt(source, node, `${shown(local)} is imported and never used`)]
  })
}

/** An import in a `try` or under a condition may stand there to see whether it can be had. */
const isTried = (statement: SyntaxNode): boolean =>
  [...ancestors(statement)].some(
    ({ type }) => type === 'try_statement' || type === 'if_statement' || type === 'with_statement',
  )

/** `# noqa` and its like. */
function isMarked(source: Source, statement: SyntaxNode): boolean {
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
    return [problemAt(source, name, `${shown(text)} is given a value that is never used`)]
  })
}
