import type { FileRecord, OutlineItem } from '../../records/index.js'
import { docClause } from './doc-clauses.js'
import type { Fact } from './fact.js'
import { isProse, isTest } from './file-names.js'
import { isDefaultExport, memberSubject, namesOf, subjectOf } from './item-names.js'
import { baseNames, parameterNames, returnType, unique } from './outline-facts.js'
import { countWord, joinList, joinNames, toSentence } from './prose.js'

export const maxDocChars = 72

/** A longer name is not a name but a line of code. */
export const maxNameChars = 40

const kindWords: Record<OutlineItem['kind'], string> = {
  class: 'class',
  struct: 'struct',
  interface: 'interface',
  trait: 'trait',
  extension: 'extension',
  function: 'function',
  method: 'method',
  property: 'property',
  type: 'type',
  enum: 'enum',
  variable: 'value',
  namespace: 'namespace',
  module: 'module',
  macro: 'macro',
  export: 'export',
  section: 'section',
}

function pluralOf(word: string): string {
  if (word.endsWith('y')) return `${word.slice(0, -1)}ies`
  return word.endsWith('s') ? `${word}es` : `${word}s`
}

/** What this part of the file declares, and which of it is exported. */
export function definitionFacts(file: FileRecord, items: readonly OutlineItem[]): Fact[] {
  // A line outline of code or data has first lines instead of names: those would be copies of the code.
  const speakable = items.filter((item) => item.kind !== 'section' || isProse(file.path))
  const unnamed = speakable.some((item) => item.kind !== 'export' && isDefaultExport(item)) ? ['a default export'] : []
  const byKind = new Map<string, string[]>()
  for (const item of speakable) {
    if (item.kind === 'export' || isDefaultExport(item)) continue
    const names = namesOf(item).filter((name) => name.length <= maxNameChars)
    const word = kindWords[item.kind]
    if (names.length > 0) byKind.set(word, unique([...(byKind.get(word) ?? []), ...names]))
  }
  const groups = [...byKind].map(([word, names]) =>
    names.length === 1 ? `the ${word} ${joinNames(names)}` : `the ${pluralOf(word)} ${joinNames(names, 10)}`,
  )
  const groupsAndUnnamed = [...groups, ...unnamed]
  const facts: Fact[] = []
  if (groupsAndUnnamed.length > 0)
    facts.push({ id: 'defines', text: toSentence(`I write ${joinList(groupsAndUnnamed)}`), role: 'first' })
  return [...facts, ...exportFacts(items)]
}

function exportFacts(items: readonly OutlineItem[]): Fact[] {
  const visible = items.filter((item) => item.exported)
  const exported = new Set(visible.flatMap(namesOf))
  const hidden = items.filter((item) => !item.exported && item.kind !== 'section' && item.kind !== 'export')
  const isHidden = hidden.some((item) => namesOf(item).some((name) => !exported.has(name)))
  // The names of a re-exported module are not known here, so the others cannot be called the only ones.
  if (!isHidden || visible.some((item) => namesOf(item).length === 0)) return []
  const names = unique(visible.filter((item) => !isDefaultExport(item)).flatMap(namesOf))
  const marked = names.filter((name) => name !== 'module.exports').map((name) => `\`${name}\``)
  const subjects = [...marked, ...(visible.some(isDefaultExport) ? ['the default export'] : [])]
  if (subjects.length === 0) return []
  return [{ id: 'exports', text: toSentence(`only ${joinList(subjects, 6)} can be seen from outside`), role: 'more' }]
}

const maxChecks = 3

/** What a test file checks, by the names of its tests. */
export function checkFacts(file: FileRecord, items: readonly OutlineItem[]): Fact[] {
  const checks = checksOf(file, items)
  return checks === '' ? [] : [{ id: 'checks', text: toSentence(`it ${checks}`), role: 'first' }]
}

/** ``checks `adds two numbers` and three more``; empty if the file is not a test. */
export function checksOf(file: FileRecord, items: readonly OutlineItem[]): string {
  if (!isTest(file.path) || file.outlineFrom !== 'syntax-tree') return ''
  const sections = items.filter((item) => item.kind === 'section' && !isHandler(item))
  const names = unique(sections.map((item) => item.name))
  const speakable = names.filter((name) => name !== '' && name.length <= maxNameChars && !name.includes('`'))
  const marked = speakable.slice(0, maxChecks).map((name) => `\`${name}\``)
  if (marked.length === 0) return ''
  const others = names.length - marked.length
  return `checks ${others > 0 ? `${marked.join(', ')} and ${countWord(others)} more` : joinList(marked)}`
}

/** `server.on('close', () => {})` has the form of a named test but is not one. */
const isHandler = (item: OutlineItem): boolean =>
  /\.(on|once|off|get|post|put|delete|use|addEventListener|emit|then|mock)\(/.test(item.signature)

/** The facts about one declaration: members, bases, parameters and doc. */
export function detailFacts(item: OutlineItem, ownNames: readonly string[]): Fact[] {
  const subject = subjectOf(item)
  if (item.kind === 'section' || item.kind === 'export' || subject === '') return []
  const facts: Fact[] = []
  const add = (id: string, text: string): void =>
    void facts.push({ id: `${id}:${item.name}`, text: toSentence(text), role: 'more' })
  const members = unique(item.children.flatMap(namesOf))
  if (members.length === 1) add('members', `in ${subject} there is ${joinNames(members)}`)
  if (members.length > 1) add('members', `in ${subject} there are ${joinNames(members, 10)}`)
  const bases = item.kind === 'class' || item.kind === 'interface' || item.kind === 'trait' ? baseNames(item) : []
  if (bases.length > 0) add('extends', `${subject} builds on ${joinNames(bases, 3)}`)
  facts.push(...callFacts(item, item.name, subject))
  return [...facts, ...docFacts(item, item.name, subject, ownNames)]
}

/** The facts about a member of `parent`. */
export function memberFacts(parent: OutlineItem, child: OutlineItem, ownNames: readonly string[]): Fact[] {
  const subject = memberSubject(parent, child)
  if (subject === '') return []
  const name = `${parent.name}.${child.name}`
  return [...callFacts(child, name, subject), ...docFacts(child, name, subject, ownNames)]
}

function docFacts(item: OutlineItem, name: string, subject: string, ownNames: readonly string[]): Fact[] {
  const doc = docClause(item.doc, maxDocChars, ownNames)
  return doc === '' ? [] : [{ id: `doc:${name}`, text: toSentence(`as for ${subject}: ${doc}`), role: 'more' }]
}

function callFacts(item: OutlineItem, name: string, subject: string): Fact[] {
  if (item.kind !== 'function' && item.kind !== 'method') return []
  const facts: Fact[] = []
  const parameters = parameterNames(item.signature)
  if (parameters.length > 0) {
    facts.push({ id: `takes:${name}`, text: toSentence(`${subject} takes ${joinNames(parameters, 6)}`), role: 'more' })
  }
  const gives = returnType(item.signature)
  if (gives !== '' && gives.length <= 30) {
    facts.push({ id: `gives:${name}`, text: toSentence(`${subject} gives back \`${gives}\``), role: 'more' })
  }
  return facts
}
