import { basename } from 'node:path/posix'
import type { ImportRecord, OutlineItem } from '../../../records/index.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import { isNearer } from '../nearer.js'
import type { RawImport } from '../raw-import.js'

/** Finds the files of C# types by the namespaces that the files themselves declare. */
export function csharpResolver(context: ResolveContext): Resolver {
  return new CsharpFinder(context)
}

/** Files by the name of a type, or by `.Name` of a method that extends a type of elsewhere. */
type Names = Map<string, string[]>

class CsharpFinder implements Resolver {
  private readonly namespaces = new Map<string, Names>()
  /** Namespaces with types, and those around them. */
  private readonly known = new Set<string>()
  /** Folders with a project file; `global using` holds within one. */
  private readonly projects: string[]
  private readonly globals = new Map<string, Set<string>>()

  constructor(private readonly context: ResolveContext) {
    const paths = [...context.texts.keys()]
    const projects = paths.filter((path) => /\.csproj$/i.test(path)).map(folderOf)
    this.projects = [...new Set(projects)].sort((a, b) => b.length - a.length)
    for (const path of paths) {
      const parsed = path.endsWith('.cs') ? context.parsed.get(path) : undefined
      if (parsed === undefined) continue
      // A file that does not parse is known by its name alone.
      if (parsed.outlineFrom === 'lines') this.add(parsed.scope, basename(path, '.cs'), path)
      this.addItems(parsed.outline, parsed.outline.some((item) => item.kind === 'namespace') ? '' : parsed.scope, path)
      for (const raw of parsed.imports) if (raw.form === 'global') this.globalsOf(path).add(raw.specifier)
    }
  }

  resolve(from: string, { specifier, names, form }: RawImport): ImportRecord[] {
    const scope = this.context.parsed.get(from)?.scope ?? ''
    for (const prefix of ['', ...enclosing(scope)]) {
      const path = prefix === '' ? specifier : `${prefix}.${specifier}`
      const file = form === 'static' || form === 'alias' ? this.fileOfType(from, path) : undefined
      if (file === from) return []
      if (file !== undefined) return [{ specifier, names, target: { kind: 'file', path: file } }]
      // A namespace of which nothing is used leads to no file.
      if (this.known.has(path)) return this.used(from, specifier, path, this.referencesOf(from))
    }
    return [{ specifier, names, target: { kind: 'external', package: specifier } }]
  }

  /** Types of the file's own namespace and of those around it, and what the project uses everywhere. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const scope = this.context.parsed.get(from)?.scope ?? ''
    const seen = [scope, ...enclosing(scope), ...this.globalsOf(from)]
    const found = [...new Set(seen)].flatMap((one) => this.used(from, one, one, references))
    return scope === '' ? found : [...found, ...this.used(from, '(global)', '', references)]
  }

  private referencesOf(path: string): readonly string[] {
    return this.context.parsed.get(path)?.references ?? []
  }

  private used(from: string, specifier: string, namespace: string, references: readonly string[]): ImportRecord[] {
    const names = this.namespaces.get(namespace)
    const byFile = new Map<string, string[]>()
    for (const name of names === undefined ? [] : references) {
      const files = names?.get(name) ?? []
      // What the file declares itself it takes from nowhere, even where others declare more of it.
      const file = files.includes(from) ? undefined : nearest(from, files, name)
      if (file !== undefined) byFile.set(file, [...(byFile.get(file) ?? []), name.replace(/^\./, '')])
    }
    return [...byFile].map(([path, taken]) => ({
      specifier: specifier || '(global)',
      names: taken,
      target: { kind: 'file', path },
    }))
  }

  private addItems(items: readonly OutlineItem[], namespace: string, path: string): void {
    for (const item of items) {
      const inner = namespace === '' ? item.name : `${namespace}.${item.name}`
      if (item.kind === 'namespace') this.addItems(item.children, inner, path)
      else if (/^(class|struct|interface|enum|type)$/.test(item.kind)) {
        this.add(namespace, item.name, path)
        for (const member of item.children) {
          if (member.kind === 'method' && /\(\s*this\s/.test(member.signature))
            this.add(namespace, `.${member.name}`, path)
        }
      }
    }
  }

  private add(namespace: string, name: string, path: string): void {
    const names = this.namespaces.get(namespace) ?? new Map<string, string[]>()
    if (names.size === 0) for (const one of [namespace, ...enclosing(namespace)]) this.known.add(one)
    this.namespaces.set(namespace, names)
    const files = names.get(name)
    if (files === undefined) names.set(name, [path])
    else if (files.at(-1) !== path) files.push(path)
  }

  /** The file of `A.B.C`, or of `C` where `D` of `A.B.C.D` is a type within it. */
  private fileOfType(from: string, path: string): string | undefined {
    const parts = path.split('.')
    for (let end = parts.length; end > 0; end--) {
      const files = this.namespaces.get(parts.slice(0, end - 1).join('.'))?.get(parts[end - 1] ?? '')
      if (files !== undefined) return files.includes(from) ? from : nearest(from, files, parts[end - 1] ?? '')
    }
    return undefined
  }

  private globalsOf(path: string): Set<string> {
    const project = this.projects.find((folder) => folder === '' || path.startsWith(`${folder}/`)) ?? ''
    const known = this.globals.get(project) ?? new Set<string>()
    this.globals.set(project, known)
    return known
  }
}

const MAX_NAMESPACE_PARTS = 32

/** The namespaces around one, the innermost first. */
function enclosing(namespace: string): string[] {
  const parts = namespace.split('.', MAX_NAMESPACE_PARTS)
  return parts.slice(1).map((_, at) => parts.slice(0, parts.length - 1 - at).join('.'))
}

/** Of several files with one type, the one that shares the most folders; of those, the one that is called like it. */
function nearest(from: string, files: readonly string[], name: string): string | undefined {
  const called = files.filter((file) => basename(file, '.cs') === name)
  const [first, ...others] = [...called, ...files]
  return others.reduce((best, file) => (best !== undefined && isNearer(from, file, best) ? file : best), first)
}
