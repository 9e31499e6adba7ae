import { basename } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import { addTo } from '../lists.js'
import { isNearer } from '../paths.js'
import type { RawImport } from '../raw-import.js'
import {
  toFile,
  toPackage,
  unresolved,
  wasSkipped,
  type ResolveContext,
  type Resolver,
  type Target,
} from '../resolver.js'

/** Finds the files of Java types by the packages that the files declare. */
export function javaResolver(context: ResolveContext): Resolver {
  return new JavaFinder(context)
}

class JavaFinder implements Resolver {
  readonly #context: ResolveContext
  /** Files by package and name of a top-level type. */
  readonly #packages = new Map<string, Map<string, string[]>>()
  /** Skipped Java files by their names. */
  readonly #skipped = new Map<string, SkippedFile[]>()

  constructor(context: ResolveContext) {
    this.#context = context
    for (const [path, content] of context.texts) {
      if (path.endsWith('.java')) this.#addJava(path)
      // Kotlin has no grammar here, but the first lines of a file name its package.
      else if (/\.kt$/.test(path)) {
        this.#add(/^[ \t]*package[ \t]+([\w.]+)/m.exec(content.slice(0, 8_000))?.[1] ?? '', basename(path, '.kt'), path)
      }
    }
    for (const file of context.skipped) {
      if (file.path.endsWith('.java')) addTo(this.#skipped, basename(file.path), file)
    }
  }

  resolve(from: string, { specifier, names, form }: RawImport): ImportRecord[] {
    const takesAll = specifier.endsWith('.*')
    const path = takesAll ? specifier.slice(0, -2) : specifier
    const found = this.#typeOf(from, path)
    if (found !== undefined) {
      const taken = found.rest.length > 0 ? found.rest.slice(0, 1) : names
      return [{ specifier, names: taken, target: toFile(found.file) }]
    }
    const types = takesAll && form !== 'static' ? this.#packages.get(path) : undefined
    if (types !== undefined) return this.#used(from, specifier, types, this.#referencesOf(from))
    return [{ specifier, names, target: this.#whyNotHere(path) }]
  }

  /** Types of the file's own package, which it uses without an import. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.#context.parsed.get(from)?.scope ?? ''
    return this.#used(from, scope === '' ? '(default package)' : scope, this.#packages.get(scope), references)
  }

  #referencesOf(path: string): readonly string[] {
    return this.#context.parsed.get(path)?.references ?? []
  }

  /** One record for each file whose types are used; none for a package without a used type. */
  #used(
    from: string,
    specifier: string,
    types: ReadonlyMap<string, string[]> | undefined,
    references: readonly string[],
  ): ImportRecord[] {
    const byFile = new Map<string, string[]>()
    for (const name of types === undefined ? [] : references) {
      const file = this.#nearest(from, types?.get(name))
      if (file !== undefined && file !== from) addTo(byFile, file, name)
    }
    return [...byFile].map(([path, names]) => ({ specifier, names, target: toFile(path) }))
  }

  #addJava(path: string): void {
    const parsed = this.#context.parsed.get(path)
    const types = (parsed?.outline ?? []).filter((item) => ['class', 'interface', 'enum'].includes(item.kind))
    const names = types.map((item) => item.name)
    for (const name of new Set([...names, basename(path, '.java')])) this.#add(parsed?.scope ?? '', name, path)
  }

  #add(scope: string, name: string, path: string): void {
    const types = this.#packages.get(scope) ?? new Map<string, string[]>()
    this.#packages.set(scope, types)
    addTo(types, name, path)
  }

  /** The longest start of a path that is a type of the repository, and the names of members after it. */
  #typeOf(from: string, path: string): { file: string; rest: string[] } | undefined {
    const parts = path.split('.')
    for (let end = parts.length; end > 0; end--) {
      const types = this.#packages.get(parts.slice(0, end - 1).join('.'))
      const file = this.#nearest(from, types?.get(parts[end - 1] ?? ''))
      if (file !== undefined) return { file, rest: parts.slice(end) }
    }
    return undefined
  }

  /** Of several files with a type of that name, the file that shares the most folders. */
  #nearest(from: string, files: readonly string[] | undefined): string | undefined {
    return files?.reduce((best, file) => (isNearer(from, file, best) ? file : best))
  }

  #whyNotHere(path: string): Target {
    const parts = path.split('.')
    const skipped = this.#skippedFile(parts)
    if (skipped !== undefined) return unresolved(wasSkipped(skipped))
    const ownPackage = parts.map((_, at) => parts.slice(0, at).join('.')).findLast((name) => this.#packages.has(name))
    if (ownPackage === undefined || ownPackage === '' || /^javax?\./.test(path)) return external(parts)
    // A repository with the package `a.b` need not have `a.b.c.D`: only types of `a.b` itself are missing here.
    const [type, ...members] = parts.slice(ownPackage.split('.').length)
    if (type === undefined || (/^[a-z]/.test(type) && members.length > 0)) return external(parts)
    return unresolved(`no type ${type} in the package ${ownPackage} of the repository`)
  }

  /** The skipped file of a type, such as the output of a generator: the type is not from another project. */
  #skippedFile(parts: readonly string[]): SkippedFile | undefined {
    const end = parts.findIndex((part) => /^[A-Z]/.test(part)) + 1
    const type = parts[end - 1]
    if (type === undefined || end === 1) return undefined
    const file = `${parts.slice(0, end).join('/')}.java`
    return this.#skipped.get(`${type}.java`)?.find(({ path }) => path === file || path.endsWith(`/${file}`))
  }
}

/** The package of a path: its parts before the first that begins with a capital, which is a type. */
function external(parts: readonly string[]): Target {
  const at = parts.findIndex((part) => /^[A-Z]/.test(part))
  const names = at > 0 ? parts.slice(0, at) : parts.length > 1 && at < 0 ? parts : parts.slice(0, 1)
  return toPackage(names.join('.'))
}
