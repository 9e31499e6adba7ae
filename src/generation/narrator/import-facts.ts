import type { FileRecord, RepositorySnapshot } from '../../records/index.js'
import type { ThoughtRequest } from '../generator.js'
import type { Fact } from './fact.js'
import { fileName, fileNames } from './file-names.js'
import { realNames } from './item-names.js'
import { externalPackages, localImports, usersOf } from './outline-facts.js'
import { counted, listed, named, phrase, sentence } from './prose.js'

/** What a file takes from files that are there, from files to come and from outside. */
export function importFacts(request: ThoughtRequest, file: FileRecord): Fact[] {
  const imports = localImports(file)
  const names = new Map(
    fileNames(
      imports.map((one) => one.path),
      file.path,
    ).map((name, at) => [imports[at]?.path, name]),
  )
  const nameOf = ({ path }: { path: string }): string => names.get(path) ?? path
  const ready = imports.filter((one) => request.written.has(one.path))
  const later = imports.filter((one) => !request.written.has(one.path))
  const facts: Fact[] = []
  for (const one of ready.filter((each) => realNames(each.names).length > 0)) {
    const text = sentence(`from ${nameOf(one)} I take ${named(realNames(one.names), 6)}`)
    facts.push({ id: `needs:${one.path}`, text, role: facts.length < 3 ? 'first' : 'more' })
  }
  const whole = ready.filter((one) => realNames(one.names).length === 0).map(nameOf)
  if (whole.length > 0) {
    facts.push({ id: 'needs-whole', text: sentence(`it builds on ${listed(whole, 5)}`), role: 'first' })
  }
  if (later.length > 0) {
    const text = `it also leans on ${listed(later.map(nameOf), 3)}, still to be written, as they need each other in a circle`
    facts.push({ id: 'needs-later', text: sentence(text), role: 'more' })
  }
  const packages = externalPackages(file)
  if (packages.length > 0) {
    facts.push({ id: 'external', text: sentence(`from outside it uses ${listed(packages, 5)}`), role: 'more' })
  }
  return facts
}

/** Who needs a file, and what they take from it. */
export function userFacts(snapshot: RepositorySnapshot, file: FileRecord): Fact[] {
  const users = usersOf(snapshot, file.path)
  if (users.length === 0) return []
  const names = realNames(users.flatMap((user) => user.names))
  const first = fileName(users[0]?.path ?? '', file.path)
  const others = users.length > 1 ? ` and ${counted(users.length - 1, 'other file')}` : ''
  const what = names.length > 0 ? ` with ${named(names, 5)}` : ''
  const serves = phrase(file.path, ['it will be needed by', 'it serves', 'it is there for'])
  return [{ id: 'used-by', text: sentence(`${serves} ${first}${others}${what}`), role: 'first' }]
}
