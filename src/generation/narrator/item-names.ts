import type { OutlineItem } from '../../records/index.js'
import { unique } from './outline-facts.js'
import { joinNames } from './prose.js'

// How declarations are named in a sentence.

/** Whether this is a name, and not a `*`, a pattern or a call. */
const isName = (name: string): boolean => /^[\p{L}\p{N}_$.#-]+$/u.test(name) && /[\p{L}\p{N}_$]/u.test(name)

/** The names of an import or export, without the whole module and the default. */
export const realNames = (names: readonly string[]): string[] =>
  unique(names.filter((name) => isName(name) && name !== 'default'))

/** The names of a declaration: one statement may declare several. */
export function namesOf(item: OutlineItem): string[] {
  if (item.kind !== 'section')
    return unique(item.name.split(', ').map((name) => name.replace(/^\* as /, ''))).filter(isName)
  const name = item.name.replace(/`/g, '').trim()
  return /<|::|:\/\/|^[>#\-:.]|^[\w-]+: /.test(name) || !/[\p{L}\p{N}]/u.test(name) ? [] : [name]
}

/** Whether the item is the default export of its module. A method may be called `default` too. */
export const isDefaultExport = (item: OutlineItem): boolean =>
  item.name === 'default' && /\bexports?\b/.test(item.signature)

/** `` `add` ``, `` `a` and `b` `` or `the default export`; empty if the item has no name. */
export function subjectOf(item: OutlineItem): string {
  return isDefaultExport(item) ? 'the default export' : joinNames(namesOf(item), 3)
}

/** A member with the name of its owner: `` `Counter.add` ``, or `` `add` of the default export ``. */
export function memberSubject(owner: OutlineItem, member: OutlineItem): string {
  if (!isName(member.name) || !isName(owner.name)) return ''
  return isDefaultExport(owner) ? `\`${member.name}\` of the default export` : `\`${owner.name}.${member.name}\``
}
