import type { Disk } from '../../disk.js'
import { problemAt, shown, type Problem } from '../problem.js'
import { isName, nameTextOf, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** Shorter names may well differ in the order of two letters: `xyzw` and `xywz`. */
export const minMisspelledChars = 5

/** Names to look for in all written files: each look goes over all their bytes. */
const maxLooks = 20

/**
 * Names that stand once in all that is written, and that are another name of the file but for two letters in each
 * other's place. For languages in which it takes more than one file to say what is declared.
 */
export function checkMisspellings({ source, disk, names: declaredNames }: CheckInput): Problem[] {
  if (declaredNames !== null) return []
  const names = new Set(source.tree.nodes.filter(isName).map((node) => nameTextOf(source, node)))
  let looks = 0
  return source.tree.nodes.flatMap((node) => {
    if (!isName(node)) return []
    const name = nameTextOf(source, node)
    if (source.words.get(name) !== 1) return []
    const meant = withTwoSwapped(name).find((one) => names.has(one) && (source.words.get(one) ?? 0) > 1)
    if (meant === undefined || looks++ >= maxLooks || standsElsewhere(name, source, disk)) return []
    const text = `name ${shown(name)} stands nowhere else in the files written so far; there is ${shown(meant)}`
    return [problemAt(source, node, text)]
  })
}

/** The name with two lower-case letters next to each other swapped, in every way. */
function withTwoSwapped(name: string): string[] {
  if (name.length < minMisspelledChars) return []
  return Array.from({ length: name.length - 1 }, (_, at) => {
    const [one, next] = [name.charAt(at), name.charAt(at + 1)]
    const canSwap = one !== next && /[a-z]/.test(one) && /[a-z]/.test(next)
    return canSwap ? name.slice(0, at) + next + one + name.slice(at + 2) : name
  }).filter((one) => one !== name)
}

function standsElsewhere(name: string, source: Source, disk: Disk): boolean {
  return disk.paths().some((path) => {
    const bytes = path === source.path ? undefined : disk.get(path)
    return bytes !== undefined && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(name)
  })
}
