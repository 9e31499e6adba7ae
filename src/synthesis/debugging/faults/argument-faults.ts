import type { SyntaxNode } from '../../../grounding/index.js'
import { callTables } from '../call-tables.js'
import type { Change } from '../change.js'
import { functionsOf } from '../functions.js'
import { importedNames, namesOf } from '../names.js'
import { quoteSnippet } from '../problem.js'
import { childOf, namedChildren, type Source } from '../source.js'

/** Leaves out the last argument of a call. */
export function missingArguments(source: Source): Change[] {
  return callsOf(source).flatMap(({ callee, given }) => {
    const [last, before] = [given.at(-1), given.at(-2)]
    if (last === undefined || last.end - last.start > 80) return []
    const start = before?.end ?? last.start
    return [
      {
        start,
        end: last.end,
        text: '',
        detail: `${quoteSnippet(source.textOf(callee))} is called without ${quoteSnippet(source.textOf(last))}`,
      },
    ]
  })
}

/** Swaps two neighbouring arguments of a call that are plain names. */
export function swappedArguments(source: Source): Change[] {
  return callsOf(source).flatMap(({ callee, given }) =>
    given.flatMap((first, at): Change[] => {
      const second = given[at + 1]
      if (second === undefined) return []
      const [firstText, secondText] = [source.textOf(first), source.textOf(second)]
      if (firstText === secondText || ![firstText, secondText].every((text) => /^\$?\w{3,40}$/.test(text))) return []
      const between = source.text.slice(first.end, second.start)
      const detail = `${quoteSnippet(source.textOf(callee))} is given ${quoteSnippet(secondText)} and ${quoteSnippet(firstText)} in each other's place`
      return [{ start: first.start, end: second.end, text: secondText + between + firstText, detail }]
    }),
  )
}

/** Calls of functions that a check may know: those of the file, and those that it imports. */
function callsOf(source: Source): { callee: SyntaxNode; given: SyntaxNode[] }[] {
  const table = callTables[source.language]
  if (table === undefined) return []
  const known = new Set([
    ...functionsOf(source, namesOf(source)).map(({ name }) => name),
    ...importedNames(source).map(({ local }) => local),
  ])
  return source.tree.nodes.flatMap((node) => {
    const [callee, list] = [childOf(node, table.callee), childOf(node, 'arguments')]
    if (node.type !== table.call || callee === null || list === null || callee.end - callee.start > 60) return []
    const name = source.textOf(callee).replace(/^(this|self)\./, '')
    return known.has(name) ? [{ callee, given: namedChildren(list) }] : []
  })
}
