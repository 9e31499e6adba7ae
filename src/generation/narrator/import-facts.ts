import type { FileRecord, RepositorySnapshot } from '../../records/index.js'
import type { ThoughtRequest } from '../generator.js'
import type { Fact } from './fact.js'
import { fileName, fileNames } from './file-names.js'
import { realNames } from './item-names.js'
import { externalPackages, localImports, usersOf } from './outline-facts.js'
import { countPhrase, joinList, joinNames, pickPhrase, toSentence } from './prose.js'

/** What a file imports: from files that are written, from files that are not, and from packages. */
export function importFacts(request: ThoughtRequest, file: FileRecord): Fact[] {
  const imports = localImports(file)
  const names = new Map(
    fileNames(
      imports.map((imported) => imported.path),
      file.path,
    ).map((name, at) => [imports[at]?.path, name]),
  )
  const nameOf = ({ path }: { path: string }): string => names.get(path) ?? path
  const ready = imports.filter((imported) => request.written.has(imported.path))
  const later = imports.filter((imported) => !request.written.has(imported.path))
  const facts: Fact[] = []
  for (const imported of ready.filter((candidate) => realNames(candidate.names).length > 0)) {
    const text = toSentence(`from ${nameOf(imported)} I take ${joinNames(realNames(imported.names), 6)}`)
    facts.push({ id: `needs:${imported.path}`, text, role: facts.length < 3 ? 'first' : 'more' })
  }
  const wholeFiles = ready.filter((imported) => realNames(imported.names).length === 0).map(nameOf)
  if (wholeFiles.length > 0) {
    facts.push({ id: 'needs-whole', text: toSentence(`it builds on ${joinList(wholeFiles, 5)}`), role: 'first' })
  }
  if (later.length > 0) {
    const text = `it also leans on ${joinList(later.map(nameOf), 3)}, still to be written, as they need each other in a circle`
    facts.push({ id: 'needs-later', text: toSentence(text), role: 'more' })
  }
  const packages = externalPackages(file)
  if (packages.length > 0) {
    facts.push({ id: 'external', text: toSentence(`from outside it uses ${joinList(packages, 5)}`), role: 'more' })
  }
  return facts
}

/** Which files import this file, and what they import. */
export function userFacts(snapshot: RepositorySnapshot, file: FileRecord): Fact[] {
  const users = usersOf(snapshot, file.path)
  if (users.length === 0) return []
  const names = realNames(users.flatMap((user) => user.names))
  const first = fileName(users[0]?.path ?? '', file.path)
  const others = users.length > 1 ? ` and ${countPhrase(users.length - 1, 'other file')}` : ''
  const what = names.length > 0 ? ` with ${joinNames(names, 5)}` : ''
  const serves = pickPhrase(file.path, ['it will be needed by', 'it serves', 'it is there for'])
  return [{ id: 'used-by', text: toSentence(`${serves} ${first}${others}${what}`), role: 'first' }]
}
