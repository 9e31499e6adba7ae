import { basename } from 'node:path/posix'
import type { ImportRecord } from '../../../records/index.js'
import type { ResolveContext, Resolver } from '../support.js'
import { isNearer } from '../nearer.js'
import type { RawImport } from '../raw-import.js'

type Target = ImportRecord['target']

/** Finds the files of Java types by the packages that the files themselves declare. */
export function javaResolver(context: ResolveContext): Resolver {
  return new JavaFinder(context)
}

class JavaFinder implements Resolver {
  /** Files by package and the name of a type at the top of a file. */
  private readonly packages = new Map<string, Map<string, string[]>>()
  /** Paths of skipped files by their names, with why. */
  private readonly skipped = new Map<string, { path: string; why: string }[]>()

  constructor(private readonly context: ResolveContext) {
    for (const [path, content] of context.texts) {
      if (path.endsWith('.java')) this.addJava(path)
      // Kotlin has no grammar here, but its first lines say where it belongs.
      else if (/\.kt$/.test(path)) {
        this.add(/^[ \t]*package[ \t]+([\w.]+)/m.exec(content.slice(0, 8_000))?.[1] ?? '', basename(path, '.kt'), path)
      }
    }
    for (const { path, reason } of context.skipped) {
      if (!path.endsWith('.java')) continue
      const one = { path, why: `${path} was skipped (${reason})` }
      const sameName = this.skipped.get(basename(path))
      if (sameName === undefined) this.skipped.set(basename(path), [one])
      else sameName.push(one)
    }
  }

  resolve(from: string, { specifier, names, form }: RawImport): ImportRecord[] {
    const takesAll = specifier.endsWith('.*')
    const path = takesAll ? specifier.slice(0, -2) : specifier
    const found = this.typeOf(from, path)
    if (found !== undefined) {
      const taken = takesAll || found.rest.length > 0 ? (found.rest.length > 0 ? found.rest.slice(0, 1) : names) : names
      return [{ specifier, names: taken, target: { kind: 'file', path: found.file } }]
    }
    const types = takesAll && form !== 'static' ? this.packages.get(path) : undefined
    if (types !== undefined) return this.used(from, specifier, types, this.referencesOf(from))
    return [{ specifier, names, target: this.whyNotHere(path) }]
  }

  /** Types of the file's own package, which need no import. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.context.parsed.get(from)?.scope ?? ''
    return this.used(from, scope === '' ? '(default package)' : scope, this.packages.get(scope), references)
  }

  private referencesOf(path: string): readonly string[] {
    return this.context.parsed.get(path)?.references ?? []
  }

  /** One record for each file whose types are used. A package of which nothing is used leads to no file. */
  private used(
    from: string,
    specifier: string,
    types: ReadonlyMap<string, string[]> | undefined,
    references: readonly string[],
  ): ImportRecord[] {
    const byFile = new Map<string, string[]>()
    for (const name of types === undefined ? [] : references) {
      const file = this.nearest(from, types?.get(name))
      if (file !== undefined && file !== from) byFile.set(file, [...(byFile.get(file) ?? []), name])
    }
    return [...byFile].map(([path, names]) => ({ specifier, names, target: { kind: 'file', path } }))
  }

  private addJava(path: string): void {
    const parsed = this.context.parsed.get(path)
    const types = (parsed?.outline ?? []).filter((item) => ['class', 'interface', 'enum'].includes(item.kind))
    const names = types.map((item) => item.name)
    for (const name of new Set([...names, basename(path, '.java')])) this.add(parsed?.scope ?? '', name, path)
  }

  private add(scope: string, name: string, path: string): void {
    const types = this.packages.get(scope) ?? new Map<string, string[]>()
    this.packages.set(scope, types)
    const files = types.get(name)
    if (files === undefined) types.set(name, [path])
    else files.push(path)
  }

  /** The longest part of a path that is a type of the repository, and the names of members behind it. */
  private typeOf(from: string, path: string): { file: string; rest: string[] } | undefined {
    const parts = path.split('.')
    for (let end = parts.length; end > 0; end--) {
      const types = this.packages.get(parts.slice(0, end - 1).join('.'))
      const file = this.nearest(from, types?.get(parts[end - 1] ?? ''))
      if (file !== undefined) return { file, rest: parts.slice(end) }
    }
    return undefined
  }

  /** Of several modules with one type, the one that shares the most folders. */
  private nearest(from: string, files: readonly string[] | undefined): string | undefined {
    return files?.reduce((best, file) => (isNearer(from, file, best) ? file : best))
  }

  private whyNotHere(path: string): Target {
    const parts = path.split('.')
    const skipped = this.whySkipped(parts)
    if (skipped !== undefined) return unresolved(skipped)
    const ownPackage = parts.map((_, at) => parts.slice(0, at).join('.')).findLast((one) => this.packages.has(one))
    if (ownPackage === undefined || ownPackage === '' || /^javax?\./.test(path)) return external(parts)
    // `a.b.c.D` says nothing of a repository that has `a.b`: only the very package is one of its own.
    const [type, ...members] = parts.slice(ownPackage.split('.').length)
    if (type === undefined || (/^[a-z]/.test(type) && members.length > 0)) return external(parts)
    return unresolved(`no type ${type} in the package ${ownPackage} of the repository`)
  }

  /** Where a type's file is in the repository and was skipped, as those of a generator are: it is nobody else's. */
  private whySkipped(parts: readonly string[]): string | undefined {
    const end = parts.findIndex((part) => /^[A-Z]/.test(part)) + 1
    const type = parts[end - 1]
    if (type === undefined || end === 1) return undefined
    const file = `${parts.slice(0, end).join('/')}.java`
    return this.skipped.get(`${type}.java`)?.find(({ path }) => path === file || path.endsWith(`/${file}`))?.why
  }
}

/** A package is written in small letters, a type is not. */
function external(parts: readonly string[]): Target {
  const at = parts.findIndex((part) => /^[A-Z]/.test(part))
  const names = at > 0 ? parts.slice(0, at) : parts.length > 1 && at < 0 ? parts : parts.slice(0, 1)
  return { kind: 'external', package: names.join('.') }
}

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })
