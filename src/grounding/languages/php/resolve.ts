import { join, normalize } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import { addTo } from '../lists.js'
import { folderOf, isNearer, nearestAround } from '../paths.js'
import type { RawImport } from '../raw-import.js'
import {
  noSuchFile,
  skippedByPath,
  toFile,
  toPackage,
  unresolved,
  wasSkipped,
  type ResolveContext,
  type Resolver,
  type Target,
} from '../resolver.js'
import { autoloadRules, type AutoloadRule } from './composer-autoload.js'

const maxSpecifierChars = 1_000

/** Finds the file of a class by the declarations of the repository's files, then by the autoload rules of composer.json. */
export function phpResolver(context: ResolveContext): Resolver {
  const finder = new PhpFinder(context)
  return {
    resolve(from, raw) {
      const target = finder.resolve(from, raw)
      return target === null ? [] : [{ specifier: raw.specifier, names: raw.names, target }]
    },
    neighbours: (from, references) => finder.neighbours(from, references),
  }
}

const notDeclared = 'no file of the repository declares it'

const declaredKinds = new Set(['class', 'interface', 'trait', 'enum', 'function', 'variable'])

class PhpFinder {
  readonly #texts: ReadonlyMap<string, string>
  readonly #scopes = new Map<string, string>()
  /** Files by the full name, in lower case, of each declaration; classes and functions rarely share a name. */
  readonly #declared = new Map<string, string[]>()
  readonly #namespaces = new Set<string>()
  /** Namespaces of all imports, including those of other packages. */
  readonly #usedSpaces = new Set<string>()
  readonly #rules: AutoloadRule[]
  /** The same rules with prefixes in lower case, since the case of class names does not matter. */
  readonly #lowerRules: AutoloadRule[]
  readonly #skipped: ReadonlyMap<string, SkippedFile>
  readonly #foundByRule = new Map<string, string | undefined>()
  /** Paths by themselves in lower case; made when a rule is first asked. */
  #pathByLowerCase: Map<string, string> | undefined

  constructor({ texts, parsed, skipped }: ResolveContext) {
    this.#texts = texts
    this.#rules = autoloadRules(texts)
    this.#lowerRules = this.#rules.map((rule) => ({ ...rule, prefix: rule.prefix.toLowerCase() }))
    this.#skipped = skippedByPath(skipped)
    for (const [path, file] of parsed) {
      if (!path.endsWith('.php')) continue
      this.#scopes.set(path, file.scope)
      for (let space = file.scope.toLowerCase(); space !== ''; space = parentOf(space)) this.#namespaces.add(space)
      for (const { specifier } of file.imports) this.#usedSpaces.add(parentOf(specifier.toLowerCase()))
      for (const item of file.outline) {
        if (declaredKinds.has(item.kind)) addTo(this.#declared, fullName(file.scope, item.name), path)
      }
    }
  }

  /** `null` for a namespace that only gets an alias: its classes are resolved where they are used. */
  resolve(from: string, { specifier, form }: RawImport): Target | null {
    if (specifier.length > maxSpecifierChars) return unresolved('too long')
    if (form === 'path' || form === 'relative') return this.#path(from, specifier, form)
    const full = specifier.toLowerCase()
    const file = this.#fileOf(from, full)
    if (file !== undefined) return toFile(file)
    if (!specifier.includes('\\')) return toPackage('php')
    if (this.#namespaces.has(full)) return null
    const skipped = this.#skippedByRule(specifier)
    if (skipped !== undefined) return unresolved(wasSkipped(skipped))
    if (this.#namespaces.has(parentOf(full)) && !this.#usedSpaces.has(full)) return unresolved(notDeclared)
    return toPackage(specifier.split('\\')[0] as string)
  }

  /** The files of classes in the file's own namespace, and of classes named in full. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.#scopes.get(from) ?? ''
    return references.flatMap((reference) => {
      const full = reference.startsWith('\\') ? reference.slice(1).toLowerCase() : fullName(scope, reference)
      const path = this.#fileOf(from, full)
      if (path === undefined || path === from) return []
      const name = reference.split('\\').at(-1) as string
      return [{ specifier: reference, names: [name], target: toFile(path) }]
    })
  }

  /** The nearest file that declares the name: tests often declare the same names to replace a class. */
  #fileOf(from: string, full: string): string | undefined {
    const paths = this.#declared.get(full) ?? []
    if (paths.length <= 1) return paths[0] ?? this.#byRule(full)
    return paths.includes(from) ? from : paths.reduce((best, path) => (isNearer(from, path, best) ? path : best))
  }

  #byRule(full: string): string | undefined {
    if (this.#foundByRule.has(full)) return this.#foundByRule.get(full)
    const found = this.#firstByRule(full)
    this.#foundByRule.set(full, found)
    return found
  }

  #firstByRule(full: string): string | undefined {
    for (const { prefix, folder, isFlat } of this.#lowerRules) {
      if (!full.startsWith(prefix)) continue
      const rest = isFlat ? full.slice(prefix.length) : full
      const path = this.#pathIn(folder, `${rest.replaceAll('\\', '/')}.php`)
      if (path !== undefined) return path
    }
    return undefined
  }

  /** The path of a file, whatever its capitals: the case of class names does not matter. */
  #pathIn(folder: string, rest: string): string | undefined {
    this.#pathByLowerCase ??= new Map([...this.#texts.keys()].map((path) => [path.toLowerCase(), path]))
    return this.#pathByLowerCase.get(normalize(join(folder, rest)).toLowerCase())
  }

  /** The file or folder that the rules lead to, where it was skipped. */
  #skippedByRule(specifier: string): SkippedFile | undefined {
    const rule = this.#rules.find(({ prefix }) => prefix !== '' && specifier.startsWith(prefix))
    if (rule === undefined) return undefined
    const rest = rule.isFlat ? specifier.slice(rule.prefix.length) : specifier
    return nearestAround(this.#skipped, normalize(join(rule.folder, `${rest.replaceAll('\\', '/')}.php`)))
  }

  /** The target of a `require` or `include`. */
  #path(from: string, specifier: string, form: string): Target {
    if (/^([a-z]+:|\/)/i.test(specifier)) return unresolved(specifier.startsWith('/') ? 'an absolute path' : 'a URL')
    const beside = normalize(join(folderOf(from), specifier))
    if (this.#texts.has(beside)) return toFile(beside)
    // PHP searches the include path first, which most often contains the root.
    const roots = form === 'path' ? ['', 'lib', 'src', 'library'] : []
    const found = roots.map((root) => normalize(join(root, specifier))).find((path) => this.#texts.has(path))
    if (found !== undefined) return toFile(found)
    if (beside.startsWith('../')) return unresolved('it leads out of the repository')
    if (/(^|\/)vendor\//.test(beside)) return toPackage('composer')
    const skipped = nearestAround(this.#skipped, beside)
    if (skipped !== undefined) return unresolved(wasSkipped(skipped))
    const isLibrary = form === 'path' && /^[A-Z]\w*\//.test(specifier)
    return isLibrary ? toPackage(specifier.split('/')[0] as string) : unresolved(noSuchFile)
  }
}

const fullName = (scope: string, name: string): string => (scope === '' ? name : `${scope}\\${name}`).toLowerCase()

const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('\\')))
