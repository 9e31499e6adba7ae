import { join, normalize } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import { autoloadRules, type AutoloadRule } from './composer-autoload.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import type { RawImport } from '../raw-import.js'

type Target = ImportRecord['target']

const MAX_SPECIFIER_CHARS = 1_000

/** Finds the file of a class by what the repository's files declare, then by the autoload rules of its composer.json. */
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

const NOT_DECLARED = 'no file of the repository declares it'

const declaredKinds = new Set(['class', 'interface', 'trait', 'enum', 'function', 'variable'])

class PhpFinder {
  private readonly texts: ReadonlyMap<string, string>
  private readonly scopes = new Map<string, string>()
  /** Files by the full name, in lower case, of what they declare; names of classes and functions do not meet. */
  private readonly declared = new Map<string, string[]>()
  private readonly namespaces = new Set<string>()
  /** Namespaces of all that is imported anywhere, other people's included. */
  private readonly usedSpaces = new Set<string>()
  private readonly rules: AutoloadRule[]
  /** The same with prefixes in lower case: names of classes do not tell capitals apart. */
  private readonly lowerRules: AutoloadRule[]
  private readonly skipped: ReadonlyMap<string, SkippedFile>

  constructor({ texts, parsed, skipped }: ResolveContext) {
    this.texts = texts
    this.rules = autoloadRules(texts)
    this.lowerRules = this.rules.map((rule) => ({ ...rule, prefix: rule.prefix.toLowerCase() }))
    this.skipped = new Map(skipped.map((file) => [file.path, file]))
    for (const [path, file] of parsed) {
      if (!path.endsWith('.php')) continue
      this.scopes.set(path, file.scope)
      for (let space = file.scope.toLowerCase(); space !== ''; space = parentOf(space)) this.namespaces.add(space)
      for (const { specifier } of file.imports) this.usedSpaces.add(parentOf(specifier.toLowerCase()))
      for (const item of file.outline) {
        if (!declaredKinds.has(item.kind)) continue
        const full = fullName(file.scope, item.name)
        const paths = this.declared.get(full)
        if (paths === undefined) this.declared.set(full, [path])
        else paths.push(path)
      }
    }
  }

  /** `null` for a namespace that is only given a name: the classes in it are imported where they are used. */
  resolve(from: string, { specifier, form }: RawImport): Target | null {
    if (specifier.length > MAX_SPECIFIER_CHARS) return unresolved('too long')
    if (form === 'path' || form === 'relative') return this.path(from, specifier, form)
    const full = specifier.toLowerCase()
    const file = this.fileOf(from, full)
    if (file !== undefined) return { kind: 'file', path: file }
    if (!specifier.includes('\\')) return { kind: 'external', package: 'php' }
    if (this.namespaces.has(full)) return null
    const missing = this.whyMissing(specifier)
    if (missing !== undefined) return unresolved(missing)
    if (this.namespaces.has(parentOf(full)) && !this.usedSpaces.has(full)) return unresolved(NOT_DECLARED)
    return { kind: 'external', package: specifier.split('\\')[0] as string }
  }

  /** The classes of the file's own namespace, and those named in full. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.scopes.get(from) ?? ''
    return references.flatMap((reference) => {
      const full = reference.startsWith('\\') ? reference.slice(1).toLowerCase() : fullName(scope, reference)
      const path = this.fileOf(from, full)
      if (path === undefined || path === from) return []
      const name = reference.split('\\').at(-1) as string
      return [{ specifier: reference, names: [name], target: { kind: 'file' as const, path } }]
    })
  }

  /** A file that declares the name: the nearest, since tests declare the names of what they stand in for. */
  private fileOf(from: string, full: string): string | undefined {
    const paths = this.declared.get(full) ?? []
    if (paths.length <= 1) return paths[0] ?? this.byRule(full)
    return paths.includes(from) ? from : paths.reduce((a, b) => (sharedParts(from, b) > sharedParts(from, a) ? b : a))
  }

  private byRule(full: string): string | undefined {
    if (this.foundByRule.has(full)) return this.foundByRule.get(full)
    const found = this.firstByRule(full)
    this.foundByRule.set(full, found)
    return found
  }

  private firstByRule(full: string): string | undefined {
    for (const { prefix, folder, isFlat } of this.lowerRules) {
      if (!full.startsWith(prefix)) continue
      const rest = isFlat ? full.slice(prefix.length) : full
      const path = this.pathIn(folder, `${rest.replaceAll('\\', '/')}.php`)
      if (path !== undefined) return path
    }
    return undefined
  }

  private readonly foundByRule = new Map<string, string | undefined>()
  private lowerCase: Map<string, string> | undefined

  /** Names of classes do not tell capitals apart, those of files do. */
  private pathIn(folder: string, rest: string): string | undefined {
    this.lowerCase ??= new Map([...this.texts.keys()].map((path) => [path.toLowerCase(), path]))
    return this.lowerCase.get(normalize(join(folder, rest)).toLowerCase())
  }

  /** The file that the rules ask for, where that was skipped. */
  private whyMissing(specifier: string): string | undefined {
    const rule = this.rules.find((one) => one.prefix !== '' && specifier.startsWith(one.prefix))
    if (rule === undefined) return undefined
    const rest = rule.isFlat ? specifier.slice(rule.prefix.length) : specifier
    const path = normalize(join(rule.folder, `${rest.replaceAll('\\', '/')}.php`))
    for (let skipped = path; skipped !== '' && skipped !== '.'; skipped = folderOf(skipped)) {
      const entry = this.skipped.get(skipped)
      if (entry !== undefined) return `${skipped} was skipped (${entry.reason})`
    }
    return undefined
  }

  private path(from: string, specifier: string, form: string): Target {
    if (/^([a-z]+:|\/)/i.test(specifier)) return unresolved(specifier.startsWith('/') ? 'an absolute path' : 'a URL')
    const beside = normalize(join(folderOf(from), specifier))
    if (this.texts.has(beside)) return { kind: 'file', path: beside }
    // PHP looks on the include path first, which most often holds the root.
    const roots = form === 'path' ? ['', 'lib', 'src', 'library'] : []
    const found = roots.map((root) => normalize(join(root, specifier))).find((one) => this.texts.has(one))
    if (found !== undefined) return { kind: 'file', path: found }
    if (beside.startsWith('../')) return unresolved('it leads out of the repository')
    if (/(^|\/)vendor\//.test(beside)) return { kind: 'external', package: 'composer' }
    for (let skipped = beside; skipped !== '' && skipped !== '.'; skipped = folderOf(skipped)) {
      const entry = this.skipped.get(skipped)
      if (entry !== undefined) return unresolved(`${skipped} was skipped (${entry.reason})`)
    }
    const isLibrary = form === 'path' && /^[A-Z]\w*\//.test(specifier)
    return isLibrary
      ? { kind: 'external', package: specifier.split('/')[0] as string }
      : unresolved('no such file in the repository')
  }
}

const fullName = (scope: string, name: string): string => (scope === '' ? name : `${scope}\\${name}`).toLowerCase()

const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('\\')))

function sharedParts(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  let shared = 0
  while (shared < left.length && left[shared] === right[shared]) shared++
  return shared
}

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })
