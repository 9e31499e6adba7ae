import type { FileRecord, OutlineItem, RepositorySnapshot, Thought } from '../../records/index.js'
import type { ThoughtRequest } from '../generator.js'
import { fileOf } from './find-file.js'
import {
  baseNames,
  enclosingItem,
  externalPackages,
  itemsIn,
  localImports,
  parameterNames,
  returnType,
  usersOf,
} from './outline-facts.js'
import { baseName, counted, firstSentence, lowerFirst, named, listed, phrase, sentence } from './prose.js'

/**
 * One true statement about the code to come, in one sentence.
 *
 * `id` names the statement, not its words, so a thought can be taken apart and told again. `goal` is what the thought
 * opens with and is never dropped; `first` marks what synthesis says unasked, the rest is there for the search to add.
 */
export interface Fact {
  id: string
  text: string
  role: 'goal' | 'first' | 'more'
}

/** A thought is its facts told one after the other. */
export function tellFacts(facts: readonly Fact[]): Thought {
  return { text: facts.map((fact) => fact.text).join(' '), facts: facts.map((fact) => fact.id) }
}

/** All that the snapshot's structure has to say before this step, in the order in which a developer would think it. */
export function factsFor(request: ThoughtRequest): Fact[] {
  const file = fileOf(request.snapshot, request.path)
  if (request.leadsTo.kind === 'read') return readingFacts(request, file, request.leadsTo.paths)
  const { start, end } = request.leadsTo
  const items = itemsIn(file.outline, start, end)
  const isHead = start === 0
  return [
    goalFact(file, start, end),
    ...(isHead ? purposeFacts(file) : []),
    ...(isHead ? importFacts(request, file) : []),
    ...definitionFacts(file, items),
    ...(isHead ? userFacts(request.snapshot, file) : []),
    ...items.flatMap((item) => detailFacts(item)),
    ...items.flatMap((item) => item.children.flatMap((child) => memberFacts(item, child))),
    ...sizeFacts(file, start, end),
  ]
}

const maxDocChars = 72

function goalFact(file: FileRecord, start: number, end: number): Fact {
  const fact = (text: string): Fact => ({ id: 'goal', text: sentence(text), role: 'goal' })
  if (end === 0) return fact(`${file.path} stays empty; it only has to be there`)
  if (start === 0) {
    const next = phrase(file.path, ['next is', 'now for', 'on to', 'it is time for'])
    return fact(
      end === file.sizeBytes ? `${next} ${file.path}` : `${next} ${file.path}, which I write in several parts`,
    )
  }
  const enclosing = enclosingItem(file.outline, start)
  const rest = end === file.sizeBytes ? 'now the rest of' : 'now the next part of'
  if (enclosing !== null) return fact(`${rest} ${file.path}, still inside \`${enclosing.name}\``)
  const before = file.outline.filter((item) => item.end <= start).at(-1)
  const after = before === undefined || file.language === 'text' ? '' : `, after \`${before.name}\``
  return fact(`${rest} ${file.path}${after}`)
}

function purposeFacts(file: FileRecord): Fact[] {
  const doc = firstSentence(file.doc, maxDocChars)
  if (doc === '') return []
  return [{ id: 'purpose', text: sentence(`what it is for: ${lowerFirst(doc)}`), role: 'first' }]
}

function importFacts(request: ThoughtRequest, file: FileRecord): Fact[] {
  const imports = localImports(file)
  const ready = imports.filter((one) => request.written.has(one.path))
  const later = imports.filter((one) => !request.written.has(one.path))
  const facts: Fact[] = []
  const namesOf = (names: readonly string[]): string[] => names.filter((name) => name !== '*' && name !== 'default')
  for (const one of ready.filter(({ names }) => namesOf(names).length > 0)) {
    const text = sentence(`from ${baseName(one.path)} I take ${named(namesOf(one.names), 6)}`)
    facts.push({ id: `needs:${one.path}`, text, role: facts.length < 3 ? 'first' : 'more' })
  }
  const whole = ready.filter(({ names }) => namesOf(names).length === 0).map((one) => baseName(one.path))
  if (whole.length > 0) {
    facts.push({ id: 'needs-whole', text: sentence(`it builds on ${listed(whole, 5)}`), role: 'first' })
  }
  if (later.length > 0) {
    const text = `it also leans on ${listed(
      later.map((one) => baseName(one.path)),
      3,
    )}, still to be written, as each needs the other`
    facts.push({ id: 'needs-later', text: sentence(text), role: 'more' })
  }
  const packages = externalPackages(file)
  if (packages.length > 0) {
    facts.push({ id: 'external', text: sentence(`from outside it uses ${listed(packages, 5)}`), role: 'more' })
  }
  return facts
}

const kindWords: Record<OutlineItem['kind'], string> = {
  class: 'class',
  interface: 'interface',
  function: 'function',
  method: 'method',
  property: 'property',
  type: 'type',
  enum: 'enum',
  variable: 'value',
  namespace: 'namespace',
  export: 'export',
  section: 'section',
}

function pluralOf(word: string): string {
  if (word.endsWith('y')) return `${word.slice(0, -1)}ies`
  return word.endsWith('s') ? `${word}es` : `${word}s`
}

function definitionFacts(file: FileRecord, items: readonly OutlineItem[]): Fact[] {
  // A line outline of code or data has no names, only first lines: those would be copies of the code.
  const tellable = items.filter((item) => item.name.length <= 40 && (item.kind !== 'section' || isProse(file)))
  const byKind = new Map<string, string[]>()
  for (const item of tellable) {
    if (item.kind === 'export') continue
    const word = kindWords[item.kind]
    byKind.set(word, [...(byKind.get(word) ?? []), item.name])
  }
  const groups = [...byKind].map(([word, all]) => {
    const names = [...new Set(all)]
    return names.length === 1 ? `the ${word} ${named(names)}` : `the ${pluralOf(word)} ${named(names, 10)}`
  })
  const facts: Fact[] = []
  if (groups.length > 0) facts.push({ id: 'defines', text: sentence(`I write ${listed(groups)}`), role: 'first' })
  const hidden = items.filter((item) => !item.exported && item.kind !== 'section')
  const open = items.filter((item) => item.exported)
  if (open.length > 0 && hidden.length > 0) {
    const names = open.map((item) => item.name)
    facts.push({ id: 'exports', text: sentence(`only ${named(names, 6)} can be seen from outside`), role: 'more' })
  }
  return facts
}

function isProse(file: FileRecord): boolean {
  return /\.(md|rst|txt)$/i.test(file.path)
}

function userFacts(snapshot: RepositorySnapshot, file: FileRecord): Fact[] {
  const users = usersOf(snapshot, file.path)
  if (users.length === 0) return []
  const names = [...new Set(users.flatMap((user) => user.names))].filter((name) => name !== '*' && name !== 'default')
  const first = baseName(users[0]?.path ?? '')
  const others = users.length > 1 ? ` and ${counted(users.length - 1, 'other file')}` : ''
  const what = names.length > 0 ? ` with ${named(names, 5)}` : ''
  const serves = phrase(file.path, ['it will be needed by', 'it serves', 'it is there for'])
  return [{ id: 'used-by', text: sentence(`${serves} ${first}${others}${what}`), role: 'first' }]
}

function detailFacts(item: OutlineItem): Fact[] {
  if (item.kind === 'section' || item.kind === 'export') return []
  const facts: Fact[] = []
  const add = (id: string, text: string): void =>
    void facts.push({ id: `${id}:${item.name}`, text: sentence(text), role: 'more' })
  const members = [...new Set(item.children.map((child) => child.name))]
  if (members.length > 0) add('members', `in \`${item.name}\` there are ${named(members, 10)}`)
  const bases = item.kind === 'class' || item.kind === 'interface' ? baseNames(item) : []
  if (bases.length > 0) add('extends', `\`${item.name}\` builds on ${named(bases, 3)}`)
  facts.push(...callFacts(item, item.name))
  const doc = firstSentence(item.doc, maxDocChars)
  if (doc !== '') add('doc', `as for \`${item.name}\`: ${lowerFirst(doc)}`)
  return facts
}

function memberFacts(parent: OutlineItem, child: OutlineItem): Fact[] {
  const name = `${parent.name}.${child.name}`
  const doc = firstSentence(child.doc, maxDocChars)
  const facts = callFacts(child, name)
  if (doc !== '')
    facts.push({ id: `doc:${name}`, text: sentence(`as for \`${name}\`: ${lowerFirst(doc)}`), role: 'more' })
  return facts
}

function callFacts(item: OutlineItem, name: string): Fact[] {
  if (item.kind !== 'function' && item.kind !== 'method') return []
  const facts: Fact[] = []
  const parameters = parameterNames(item.signature)
  if (parameters.length > 0) {
    facts.push({ id: `takes:${name}`, text: sentence(`\`${name}\` takes ${named(parameters, 6)}`), role: 'more' })
  }
  const gives = returnType(item.signature)
  if (gives !== '' && gives.length <= 30) {
    facts.push({ id: `gives:${name}`, text: sentence(`\`${name}\` gives back \`${gives}\``), role: 'more' })
  }
  return facts
}

function sizeFacts(file: FileRecord, start: number, end: number): Fact[] {
  if (end === start || file.sizeBytes === 0) return []
  const lines = Math.max(1, Math.round((file.lines * (end - start)) / file.sizeBytes))
  const about = lines < 10 ? `${lines} lines at most` : `about ${Math.round(lines / 10) * 10} lines`
  return [{ id: 'size', text: sentence(`it comes to ${lines === 1 ? 'a single line' : about}`), role: 'more' }]
}

function readingFacts(request: ThoughtRequest, file: FileRecord, paths: readonly string[]): Fact[] {
  const names = localImports(file).filter((one) => paths.includes(one.path))
  const wanted = [...new Set(names.flatMap((one) => one.names))].filter((name) => name !== '*' && name !== 'default')
  const what = wanted.length > 0 ? ` to see how ${named(wanted, 4)} ${wanted.length === 1 ? 'is' : 'are'} declared` : ''
  const text = `before I write ${baseName(request.path)}, I look at ${listed(paths.map(baseName), 4)}${what}`
  return [{ id: 'goal', text: sentence(text), role: 'goal' }]
}
