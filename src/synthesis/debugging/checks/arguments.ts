import type { DeclaredFunction } from '../functions.js'
import type { KnownCall } from '../known-calls.js'
import { countOf, problemAt, quoteSnippet, type Problem } from '../problem.js'
import type { Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Finds calls with too few or too many arguments, and calls with two arguments in each other's place. */
export function checkArguments({ source, calls }: CheckInput): Problem[] {
  return calls.flatMap((call) => checkCount(source, call) ?? checkSwapped(source, call) ?? [])
}

/** Node types of arguments that may stand for several arguments. */
const spreadTypes =
  /^(spread_element|list_splat|dictionary_splat|splat_argument|hash_splat_argument|variadic_unpacking|variadic_argument|block_argument|pair|forward_argument|argument_placeholder)$/

function checkCount(source: Source, { node, callee, arguments: given }: KnownCall): Problem | null {
  if (given.some(({ type }) => spreadTypes.test(type)) || given.some((argument) => isUnpacked(source, argument)))
    return null
  const namedArguments = new Set(given.flatMap((argument) => nameOfArgument(source, argument) ?? []))
  const positional = callee.parameters.filter(({ kind }) => kind === 'positional')
  const count = given.length - namedArguments.size
  const takesAny = callee.parameters.some(({ kind }) => kind === 'rest')
  if (count > positional.length && !takesAny && callee.isCertain.tooMany) {
    const most = countOf(positional.length, 'argument')
    return problemAt(
      source,
      node,
      `${quoteSnippet(callee.name)} takes ${positional.some((parameter) => parameter.isOptional) ? 'at most ' : ''}${most}, and is called with ${count}`,
    )
  }
  const missing = callee.parameters.filter(
    (parameter) =>
      !parameter.isOptional &&
      !namedArguments.has(parameter.name) &&
      (parameter.kind === 'named' || positional.indexOf(parameter) >= count),
  )
  // JavaScript may leave out arguments that a function written in TypeScript requires.
  const isTyped = callee.language === source.language || source.language !== 'javascript'
  if (missing.length > 0 && callee.isCertain.tooFew && isTyped) {
    const names = missing.map(({ name }) => (name === '' ? 'an argument' : quoteSnippet(name))).join(', ')
    return problemAt(
      source,
      node,
      `${quoteSnippet(callee.name)} is called with ${countOf(given.length, 'argument')}, without ${names}`,
    )
  }
  const takesNames = source.language === 'python' && !callee.parameters.some(({ kind }) => kind === 'keywords')
  const unknown = takesNames
    ? [...namedArguments].find((name) => !callee.parameters.some((parameter) => parameter.name === name))
    : undefined
  if (unknown === undefined) return null
  return problemAt(source, node, `${quoteSnippet(callee.name)} has no parameter ${quoteSnippet(unknown)}`)
}

/** Whether the argument may stand for several: a spread, or in C a name in capitals, which may be a macro. */
const isUnpacked = (source: Source, node: KnownCall['node']): boolean => {
  if (source.language === 'c' || source.language === 'cpp')
    return /^[A-Z][A-Z0-9_]*\b/.test(source.textOf(node)) || node.type === 'preproc_ifdef'
  return source.textOf(node).startsWith('...') || (source.textOf(node).startsWith('*') && source.language === 'ruby')
}

function nameOfArgument(source: Source, node: KnownCall['node']): string | undefined {
  if (source.language === 'python' && node.type !== 'keyword_argument') return undefined
  const name = node.children.find(({ field }) => field === 'name')
  return name === undefined || (node.type !== 'argument' && node.type !== 'keyword_argument')
    ? undefined
    : source.textOf(name)
}

/** Names whose order may be intended either way. */
const interchangeable =
  /^(left|right|first|second|lhs|rhs|low|high|min|max|start|end|begin|from|to|actual|expected|prev|next|previous|current|old\w*|new\w*|width|height|row|col\w*|source|target|src|dest|dst|key|value|other|base|a\w|b\w|x\w|y\w)$/i

function checkSwapped(source: Source, { node, callee, arguments: given }: KnownCall): Problem | null {
  const names = given.map((argument) => plainName(source, argument))
  const parameters = callee.parameters
  for (const [at, name] of names.entries()) {
    const other = names.findIndex((_, index) => index > at && parameters[index]?.name === name)
    const isSwap =
      name !== '' &&
      other > at &&
      parameters[at]?.name === names[other] &&
      parameters[at]?.kind === 'positional' &&
      parameters[other]?.kind === 'positional'
    if (!isSwap || isInterchangeable(name) || isInterchangeable(names[other] as string)) continue
    return problemAt(
      source,
      node,
      `${quoteSnippet(callee.name)} takes ${listOf(callee)}, and is given ${quoteSnippet(name)} and ${quoteSnippet(names[other] as string)} in each other's place`,
    )
  }
  return null
}

const isInterchangeable = (name: string): boolean => name.length < 3 || interchangeable.test(name)

const listOf = ({ parameters }: DeclaredFunction): string => {
  const names = parameters.flatMap(({ name }) => (name === '' ? [] : [quoteSnippet(name)]))
  return names.length > 6 ? `${names.slice(0, 6).join(', ')}, …` : names.join(', ')
}

function plainName(source: Source, node: KnownCall['node']): string {
  const inner = node.type === 'argument' && node.children.length === 1 ? node.children[0] : node
  return inner !== undefined && /^(identifier|variable_name)$/.test(inner.type) ? source.textOf(inner) : ''
}
