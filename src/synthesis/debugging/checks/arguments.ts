import type { DeclaredFunction } from '../functions.js'
import type { KnownCall } from '../known-calls.js'
import { countOf, problemAt, shown, type Problem } from '../problem.js'
import type { Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Calls with too few or too many arguments, and calls whose arguments have each other's names. */
export function checkArguments({ source, calls }: CheckInput): Problem[] {
  return calls.flatMap((call) => checkCount(source, call) ?? checkSwapped(source, call) ?? [])
}

/** Arguments that may be several. */
const spreadTypes =
  /^(spread_element|list_splat|dictionary_splat|splat_argument|hash_splat_argument|variadic_unpacking|variadic_argument|block_argument|pair|forward_argument|argument_placeholder)$/

function checkCount(source: Source, { node, callee, arguments: given }: KnownCall): Problem | null {
  if (given.some(({ type }) => spreadTypes.test(type)) || given.some((one) => isUnpacked(source, one))) return null
  const named = new Set(given.flatMap((one) => nameOfArgument(source, one) ?? []))
  const places = callee.parameters.filter(({ kind }) => kind === 'one')
  const count = given.length - named.size
  const takesAny = callee.parameters.some(({ kind }) => kind === 'rest')
  if (count > places.length && !takesAny && callee.isStrict.tooMany) {
    const most = countOf(places.length, 'argument')
    return problemAt(
      source,
      node,
      `${shown(callee.name)} takes ${places.some((one) => one.isOptional) ? 'at most ' : ''}${most}, and is called with ${count}`,
    )
  }
  const lacking = callee.parameters.filter(
    (one) => !one.isOptional && !named.has(one.name) && (one.kind === 'named' || places.indexOf(one) >= count),
  )
  // JavaScript may leave out what a function written in TypeScript asks for.
  const isTyped = callee.language === source.language || source.language !== 'javascript'
  if (lacking.length > 0 && callee.isStrict.tooFew && isTyped) {
    const names = lacking.map(({ name }) => (name === '' ? 'an argument' : shown(name))).join(', ')
    return problemAt(
      source,
      node,
      `${shown(callee.name)} is called with ${countOf(given.length, 'argument')}, without ${names}`,
    )
  }
  const takesNames = source.language === 'python' && !callee.parameters.some(({ kind }) => kind === 'keywords')
  const unknown = takesNames
    ? [...named].find((name) => !callee.parameters.some((one) => one.name === name))
    : undefined
  if (unknown === undefined) return null
  return problemAt(source, node, `${shown(callee.name)} has no parameter ${shown(unknown)}`)
}

/** A name in capitals may be a macro that stands for several arguments. */
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

/** Words of which the one or the other order may be meant. */
const interchangeable =
  /^(left|right|first|second|lhs|rhs|low|high|min|max|start|end|begin|from|to|actual|expected|prev|next|previous|current|old\w*|new\w*|width|height|row|col\w*|source|target|src|dest|dst|key|value|other|base|a\w|b\w|x\w|y\w)$/i

function checkSwapped(source: Source, { node, callee, arguments: given }: KnownCall): Problem | null {
  const names = given.map((one) => plainName(source, one))
  const places = callee.parameters
  for (const [at, name] of names.entries()) {
    const other = names.findIndex((_, index) => index > at && places[index]?.name === name)
    const isSwap =
      name !== '' &&
      other > at &&
      places[at]?.name === names[other] &&
      places[at]?.kind === 'one' &&
      places[other]?.kind === 'one'
    if (!isSwap || isFree(name) || isFree(names[other] as string)) continue
    return problemAt(
      source,
      node,
      `${shown(callee.name)} takes ${listOf(callee)}, and is given ${shown(name)} and ${shown(names[other] as string)} in each other's place`,
    )
  }
  return null
}

const isFree = (name: string): boolean => name.length < 3 || interchangeable.test(name)

const listOf = ({ parameters }: DeclaredFunction): string => {
  const names = parameters.flatMap(({ name }) => (name === '' ? [] : [shown(name)]))
  return names.length > 6 ? `${names.slice(0, 6).join(', ')}, …` : names.join(', ')
}

function plainName(source: Source, node: KnownCall['node']): string {
  const inner = node.type === 'argument' && node.children.length === 1 ? node.children[0] : node
  return inner !== undefined && /^(identifier|variable_name)$/.test(inner.type) ? source.textOf(inner) : ''
}
