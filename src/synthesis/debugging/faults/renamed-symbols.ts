import { minMisspelledChars } from '../checks/misspellings.js'
import type { Change } from '../change.js'
import { namesOf } from '../names.js'
import { quoteSnippet } from '../problem.js'
import { ancestors, isName, nameTextOf, type Source } from '../source.js'
import { importTypes } from './import-faults.js'
import { misspell } from './misspell.js'

/** Misspells one use of a name that the file declares. */
export function renamedSymbols(source: Source): Change[] {
  const names = namesOf(source)
  if (names === null) return renamedWithoutScopes(source)
  return names.used.flatMap(({ name, node }) => {
    const wrong = misspell(name)
    if (wrong === null || !names.declared.has(name) || source.words.has(wrong) || (source.words.get(name) ?? 0) < 3)
      return []
    const isShort = node.type.startsWith('shorthand')
    if (isShort) return []
    return [
      {
        start: node.start,
        end: node.end,
        text: wrong,
        detail: `${quoteSnippet(wrong)} stands for ${quoteSnippet(name)}`,
      },
    ]
  })
}

/** The same for languages whose declared names are not known: any name that occurs in the file at least three times. */
function renamedWithoutScopes(source: Source): Change[] {
  return source.tree.nodes.flatMap((node) => {
    const name = nameTextOf(source, node)
    if (!isName(node) || name.length < minMisspelledChars || (source.words.get(name) ?? 0) < 3) return []
    const wrong = misspell(name)
    if (wrong?.length !== name.length || source.words.has(wrong)) return []
    if ([...ancestors(node)].some(({ type }) => importTypes.test(type))) return []
    const detail = `${quoteSnippet(wrong)} stands for ${quoteSnippet(name)}`
    return [{ start: node.end - name.length, end: node.end, text: wrong, detail }]
  })
}
