import type { Change } from '../fault.js'
import { namesOf } from '../names.js'
import { shown } from '../problem.js'
import type { Source } from '../source.js'
import { slipOf } from './slips.js'

/** One use of a name that the file declares, with a slip in it. */
export function renamedSymbols(source: Source): Change[] {
  const names = namesOf(source)
  if (names === null) return []
  return names.used.flatMap(({ name, node }) => {
    const wrong = slipOf(name)
    if (wrong === null || !names.declared.has(name) || source.words.has(wrong) || (source.words.get(name) ?? 0) < 3)
      return []
    const isShort = node.type.startsWith('shorthand')
    if (isShort) return []
    return [{ start: node.start, end: node.end, text: wrong, detail: `${shown(wrong)} stands for ${shown(name)}` }]
  })
}
