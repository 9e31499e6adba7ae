import type { OutlineItem } from '../../records/index.js'
import { unique } from './outline-facts.js'
import { joinNames } from './prose.js'

/** How declarations are called in a sentence. */

/** What can stand as a name: no `*`, no pattern, no call. */
export const isName = (name: string): boolean => /^[\p{L}\p{N}_$.#-]+$/u.test(name) && /[\p{L}\p{N}_$]/u.test(name)

/** The names that an import takes or an export gives, without the whole module and the default. */
export const realNames = (names: readonly string[]): string[] =>
  unique(names.filter((name) => isName(name) && name !== 'default'))

/** The names of a declaration: one statement may declare several. */
export function namesOf(item: OutlineItem): string[] {
  if (item.kind !== 'section')
    return unique(item.name.split(', ').map((name) => name.replace(/^\* as /, ''))).filter(isName)
  const name = item.name.replace(/`/g, '').trim()
  return /<|::|:\/\/|^[>#\-:.]|^[\w-]+: /.test(name) || !/[\p{L}\p{N}]/u.test(name) ? [] : [name]
}

/** Whether it is the one thing that a module gives without a name; a method may well be called `default`. */
export const isDefaultExport = (item: OutlineItem): boolean =>
  item.name === 'default' && /\bexports?\b/.test(item.signature)

/** `` `add` ``, `` `a` and `b` `` or `the default export`; empty where the item has no name to tell. */
export function subjectOf(item: OutlineItem): string {
  return isDefaultExport(item) ? 'the default export' : joinNames(namesOf(item), 3)
}

/** A member by its owner's name too: `` `Counter.add` ``, or `` `add` of the default export ``. */
export function memberSubject(owner: OutlineItem, member: OutlineItem): string {
  if (!isName(member.name) || !isName(owner.name)) return ''
  return isDefaultExport(owner) ? `\`${member.name}\` of the default export` : `\`${owner.name}.${member.name}\``
}
