import { basename } from 'node:path/posix'
import type { ImportRecord, OutlineItem } from '../../../records/index.js'
import { addTo } from '../lists.js'
import { folderOf, isNearer, isWithin } from '../paths.js'
import type { RawImport } from '../raw-import.js'
import { toFile, toPackage, type ResolveContext, type Resolver } from '../resolver.js'

/** Finds the files of C# types by the namespaces that the files declare. */
export function csharpResolver(context: ResolveContext): Resolver {
  return new CsharpFinder(context)
}

/** Files by the name of a type, or by `.Name` of an extension method. */
type Names = Map<string, string[]>

class CsharpFinder implements Resolver {
  readonly #context: ResolveContext
  readonly #namespaces = new Map<string, Names>()
  /** Namespaces with types, and the namespaces around them. */
  readonly #known = new Set<string>()
  /** Folders with a project file, the deepest first. A `global using` is valid in the whole project. */
  readonly #projects: string[]
  readonly #globals = new Map<string, Set<string>>()

  constructor(context: ResolveContext) {
    this.#context = context
    const paths = [...context.texts.keys()]
    const projects = paths.filter((path) => /\.csproj$/i.test(path)).map(folderOf)
    this.#projects = [...new Set(projects)].sort((a, b) => b.length - a.length)
    for (const path of paths) {
      const parsed = path.endsWith('.cs') ? context.parsed.get(path) : undefined
      if (parsed === undefined) continue
      // Of a file that does not parse, only its own name is known.
      if (parsed.outlineFrom === 'lines') this.#add(parsed.scope, basename(path, '.cs'), path)
      this.#addItems(parsed.outline, parsed.outline.some((item) => item.kind === 'namespace') ? '' : parsed.scope, path)
      for (const raw of parsed.imports) if (raw.form === 'global') this.#globalsOf(path).add(raw.specifier)
    }
  }

  resolve(from: string, { specifier, names, form }: RawImport): ImportRecord[] {
    const scope = this.#context.parsed.get(from)?.scope ?? ''
    for (const prefix of ['', ...enclosing(scope)]) {
      const path = prefix === '' ? specifier : `${prefix}.${specifier}`
      const file = form === 'static' || form === 'alias' ? this.#fileOfType(from, path) : undefined
      if (file === from) return []
      if (file !== undefined) return [{ specifier, names, target: toFile(file) }]
      // A namespace that the file uses nothing of leads to no file.
      if (this.#known.has(path)) return this.#used(from, specifier, path, this.#referencesOf(from))
    }
    return [{ specifier, names, target: toPackage(specifier) }]
  }

  /** Types of the file's own namespace, of the namespaces around it, and of the project's global `using` directives. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.#context.parsed.get(from)?.scope ?? ''
    const seen = [scope, ...enclosing(scope), ...this.#globalsOf(from)]
    const found = [...new Set(seen)].flatMap((namespace) => this.#used(from, namespace, namespace, references))
    return scope === '' ? found : [...found, ...this.#used(from, '(global)', '', references)]
  }

  #referencesOf(path: string): readonly string[] {
    return this.#context.parsed.get(path)?.references ?? []
  }

  /** A record for each file that declares names of a namespace which the file uses. */
  #used(from: string, specifier: string, namespace: string, references: readonly string[]): ImportRecord[] {
    const names = this.#namespaces.get(namespace)
    const byFile = new Map<string, string[]>()
    for (const name of names === undefined ? [] : references) {
      const files = names?.get(name) ?? []
      // A name that the file itself declares comes from no other file, even if others declare another part of it.
      const file = files.includes(from) ? undefined : nearest(from, files, name)
      if (file !== undefined) addTo(byFile, file, name.replace(/^\./, ''))
    }
    return [...byFile].map(([path, taken]) => ({
      specifier: specifier || '(global)',
      names: taken,
      target: toFile(path),
    }))
  }

  #addItems(items: readonly OutlineItem[], namespace: string, path: string): void {
    for (const item of items) {
      const inner = namespace === '' ? item.name : `${namespace}.${item.name}`
      if (item.kind === 'namespace') this.#addItems(item.children, inner, path)
      else if (/^(class|struct|interface|enum|type)$/.test(item.kind)) {
        this.#add(namespace, item.name, path)
        for (const member of item.children) {
          if (member.kind === 'method' && /\(\s*this\s/.test(member.signature))
            this.#add(namespace, `.${member.name}`, path)
        }
      }
    }
  }

  #add(namespace: string, name: string, path: string): void {
    const names = this.#namespaces.get(namespace) ?? new Map<string, string[]>()
    if (names.size === 0) for (const known of [namespace, ...enclosing(namespace)]) this.#known.add(known)
    this.#namespaces.set(namespace, names)
    const files = names.get(name)
    if (files === undefined) names.set(name, [path])
    else if (files.at(-1) !== path) files.push(path)
  }

  /** The file of the type `A.B.C`, also for the path `A.B.C.D` of a type `D` inside it. */
  #fileOfType(from: string, path: string): string | undefined {
    const parts = path.split('.')
    for (let end = parts.length; end > 0; end--) {
      const files = this.#namespaces.get(parts.slice(0, end - 1).join('.'))?.get(parts[end - 1] ?? '')
      if (files !== undefined) return files.includes(from) ? from : nearest(from, files, parts[end - 1] ?? '')
    }
    return undefined
  }

  #globalsOf(path: string): Set<string> {
    const project = this.#projects.find((folder) => isWithin(path, folder)) ?? ''
    const known = this.#globals.get(project) ?? new Set<string>()
    this.#globals.set(project, known)
    return known
  }
}

const maxNamespaceParts = 32

/** The namespaces around a namespace, the innermost first. */
function enclosing(namespace: string): string[] {
  const parts = namespace.split('.', maxNamespaceParts)
  return parts.slice(1).map((_, at) => parts.slice(0, parts.length - 1 - at).join('.'))
}

/** Of several files with a type of that name, the file that shares the most folders; among equals, the file named like the type. */
function nearest(from: string, files: readonly string[], name: string): string | undefined {
  const called = files.filter((file) => basename(file, '.cs') === name)
  const [first, ...others] = [...called, ...files]
  return others.reduce((best, file) => (best !== undefined && isNearer(from, file, best) ? file : best), first)
}
