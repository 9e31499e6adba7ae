import type { Disk } from '../../disk.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { isName, nameTextOf, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Two shorter names may differ in the order of two letters on purpose: `xyzw` and `xywz`. */
export const minMisspelledChars = 5

/** How many names are searched in all written files: each search goes over all their bytes. */
const maxSearches = 20

/**
 * Finds names that occur once in all written files, and become another name of the file if two letters are swapped. For
 * languages whose declared names are not known from one file.
 */
export function checkMisspellings({ source, disk, names: declaredNames }: CheckInput): Problem[] {
  if (declaredNames !== null) return []
  const names = new Set(source.tree.nodes.filter(isName).map((node) => nameTextOf(source, node)))
  let searches = 0
  return source.tree.nodes.flatMap((node) => {
    if (!isName(node)) return []
    const name = nameTextOf(source, node)
    if (source.words.get(name) !== 1) return []
    const likelyName = withTwoSwapped(name).find(
      (candidate) => names.has(candidate) && (source.words.get(candidate) ?? 0) > 1,
    )
    if (likelyName === undefined || searches++ >= maxSearches || isInOtherFile(name, source, disk)) return []
    const text = `name ${quoteSnippet(name)} stands nowhere else in the files written so far; there is ${quoteSnippet(likelyName)}`
    return [problemAt(source, node, text)]
  })
}

/** Every name that results from swapping two neighbouring lower-case letters. */
function withTwoSwapped(name: string): string[] {
  if (name.length < minMisspelledChars) return []
  return Array.from({ length: name.length - 1 }, (_, at) => {
    const [letter, next] = [name.charAt(at), name.charAt(at + 1)]
    const canSwap = letter !== next && /[a-z]/.test(letter) && /[a-z]/.test(next)
    return canSwap ? name.slice(0, at) + next + letter + name.slice(at + 2) : name
  }).filter((swapped) => swapped !== name)
}

function isInOtherFile(name: string, source: Source, disk: Disk): boolean {
  return disk.paths().some((path) => {
    const bytes = path === source.path ? undefined : disk.get(path)
    return bytes !== undefined && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(name)
  })
}
