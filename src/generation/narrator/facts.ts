import type { FileRecord, OutlineItem } from '../../records/index.js'
import type { ThoughtRequest } from '../generator.js'
import {
  checkFacts,
  definitionFacts,
  detailFacts,
  maxDocChars,
  maxNameChars,
  memberFacts,
} from './declaration-facts.js'
import { docClause } from './doc-clauses.js'
import type { Fact } from './fact.js'
import { fileNames, isNamedForItsPurpose, textPurpose } from './file-names.js'
import { fileOf } from './find-file.js'
import { fixFacts } from './fix-facts.js'
import { importFacts, userFacts } from './import-facts.js'
import { isDefaultExport, namesOf, realNames, subjectOf } from './item-names.js'
import { enclosingItem, itemsIn, localImports } from './outline-facts.js'
import { joinList, joinNames, pickPhrase, toSentence } from './prose.js'
import { ownNamesOf } from './project-name.js'

/** All facts that the structure of the snapshot gives for the thought before this step, in the order of thinking. */
export function factsFor(request: ThoughtRequest): Fact[] {
  const file = fileOf(request.snapshot, request.path)
  if (request.leadsTo.kind === 'read') return readingFacts(request, file, request.leadsTo.paths)
  if (request.leadsTo.kind === 'fix') return fixFacts(file, request.leadsTo)
  const { start, end } = request.leadsTo
  const items = itemsIn(file.outline, start, end)
  const isHead = start === 0
  const ownNames = ownNamesOf(request.snapshot)
  return withOwnIds([
    goalFact(file, start, end),
    ...(isHead ? purposeFacts(file, ownNames) : []),
    ...(isHead ? importFacts(request, file) : []),
    ...definitionFacts(file, items),
    ...checkFacts(file, items),
    ...(isHead ? userFacts(request.snapshot, file) : []),
    ...items.flatMap((item) => detailFacts(item, ownNames)),
    ...items.flatMap((item) => item.children.flatMap((child) => memberFacts(item, child, ownNames))),
    ...sizeFacts(file, start, end),
  ])
}

/** Keeps the first fact of each id: overloads, and a getter and its setter, give the same fact twice. */
function withOwnIds(facts: readonly Fact[]): Fact[] {
  return [...new Map([...facts].reverse().map((fact) => [fact.id, fact])).values()].reverse()
}

function goalFact(file: FileRecord, start: number, end: number): Fact {
  const fact = (text: string): Fact => ({ id: 'goal', text: toSentence(text), role: 'goal' })
  if (end === 0) return fact(`${file.path} stays empty; it only has to be there`)
  if (start === 0) {
    const next = pickPhrase(file.path, ['next is', 'now for', 'on to', 'it is time for'])
    return fact(
      end === file.sizeBytes ? `${next} ${file.path}` : `${next} ${file.path}, which I write in several parts`,
    )
  }
  const rest = end === file.sizeBytes ? 'now the rest of' : 'now the next part of'
  const enclosing = enclosingItem(file.outline, start)
  if (enclosing !== null && subjectOf(enclosing) !== '')
    return fact(`${rest} ${file.path}, still inside ${subjectOf(enclosing)}`)
  const before = file.outline.filter((item) => item.end <= start).at(-1)
  const after = before === undefined || file.language === 'text' ? '' : afterWords(before)
  return fact(`${rest} ${file.path}${after}`)
}

function afterWords(before: OutlineItem): string {
  const last = namesOf(before).at(-1)
  if (last === undefined || last.length > maxNameChars) return ''
  return isDefaultExport(before) ? ', after the default export' : `, after \`${last}\``
}

function purposeFacts(file: FileRecord, ownNames: readonly string[]): Fact[] {
  const isNamed = isNamedForItsPurpose(file.path)
  const purpose = isNamed ? textPurpose(file.path) : docClause(file.doc, maxDocChars, ownNames)
  if (purpose === '') return []
  return [{ id: 'purpose', text: toSentence(`what it is for: ${purpose}`), role: 'first' }]
}

function sizeFacts(file: FileRecord, start: number, end: number): Fact[] {
  if (end === start || file.sizeBytes === 0) return []
  const lines = Math.max(1, Math.round((file.lines * (end - start)) / file.sizeBytes))
  const about = lines < 10 ? `${lines} lines at most` : `about ${Math.round(lines / 10) * 10} lines`
  return [{ id: 'size', text: toSentence(`it comes to ${lines === 1 ? 'a single line' : about}`), role: 'more' }]
}

function readingFacts(request: ThoughtRequest, file: FileRecord, paths: readonly string[]): Fact[] {
  const names = realNames(
    localImports(file)
      .filter((imported) => paths.includes(imported.path))
      .flatMap((imported) => imported.names),
  )
  const what =
    names.length > 0 ? ` to see how ${joinNames(names, 4)} ${names.length === 1 ? 'is' : 'are'} declared` : ''
  const [own = '', ...others] = fileNames([request.path, ...paths])
  const text = `before I write ${own}, I look at ${joinList(others, 4)}${what}`
  return [{ id: 'goal', text: toSentence(text), role: 'goal' }]
}
