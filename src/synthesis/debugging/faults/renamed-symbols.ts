import { minMisspelledChars } from '../checks/misspellings.js'
import type { Change } from '../change.js'
import { namesOf } from '../names.js'
import { shown } from '../problem.js'
import { ancestors, isName, nameTextOf, type Source } from '../source.js'
import { importTypes } from './import-faults.js'
import { misspell } from './misspell.js'

/** One use of a name that the file declares, with a slip in it. */
export function renamedSymbols(source: Source): Change[] {
  const names = namesOf(source)
  if (names === null) return renamedAnywhere(source)
  return names.used.flatMap(({ name, node }) => {
    const wrong = misspell(name)
    if (wrong === null || !names.declared.has(name) || source.words.has(wrong) || (source.words.get(name) ?? 0) < 3)
      return []
    const isShort = node.type.startsWith('shorthand')
    if (isShort) return []
    return [{ start: node.start, end: node.end, text: wrong, detail: `${shown(wrong)} stands for ${shown(name)}` }]
  })
}

/** The same where it is not told which names are declared: any name that stands in the file at least three times. */
function renamedAnywhere(source: Source): Change[] {
  return source.tree.nodes.flatMap((node) => {
    const name = nameTextOf(source, node)
    if (!isName(node) || name.length < minMisspelledChars || (source.words.get(name) ?? 0) < 3) return []
    const wrong = misspell(name)
    if (wrong?.length !== name.length || source.words.has(wrong)) return []
    if ([...ancestors(node)].some(({ type }) => importTypes.test(type))) return []
    const detail = `${shown(wrong)} stands for ${shown(name)}`
    return [{ start: node.end - name.length, end: node.end, text: wrong, detail }]
  })
}
