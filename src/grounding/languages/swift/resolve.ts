import type { ImportRecord, OutlineItem } from '../../../records/index.js'
import type { RawImport } from '../raw-import.js'
import { toFile, toPackage, type ResolveContext, type Resolver } from '../resolver.js'
import { modulesOf } from './modules.js'

/** Finds the files of a module by their declarations: Swift imports modules, and all files of a module see each other. */
export function swiftResolver(context: ResolveContext): Resolver {
  return new SwiftFinder(context)
}

const declaredKinds = new Set<OutlineItem['kind']>([
  'class',
  'struct',
  'enum',
  'interface',
  'type',
  'function',
  'variable',
  'macro',
])

/**
 * Finds names that one file of a module declares. A name with several declarations leads to no file, and neither does an
 * extension, which is needed without its name.
 */
class SwiftFinder implements Resolver {
  readonly #moduleOf: ReadonlyMap<string, string>
  /** For each module, the file that declares each name; `null` where several files do. */
  readonly #declared = new Map<string, Map<string, string | null>>()
  /** The modules that each file imports, for `neighbours` to search. */
  readonly #imported = new Map<string, Set<string>>()

  constructor({ texts, parsed }: ResolveContext) {
    const imports = [...parsed.values()].flatMap((file) => file.imports.map((raw) => raw.specifier))
    this.#moduleOf = modulesOf(texts, new Set(imports))
    for (const [path, file] of parsed) {
      const module = this.#moduleOf.get(path)
      if (module === undefined) continue
      const names = this.#declared.get(module) ?? new Map<string, string | null>()
      this.#declared.set(module, names)
      for (const item of file.outline) {
        if (!declaredKinds.has(item.kind)) continue
        const known = names.get(item.name)
        names.set(item.name, known === undefined || known === path ? path : null)
      }
      this.#imported.set(path, new Set(file.imports.map((raw) => raw.specifier)))
    }
  }

  /** No record for an import of a whole module of the repository: `neighbours` finds the files that are used. */
  resolve(_from: string, { specifier, names }: RawImport): ImportRecord[] {
    const declared = this.#declared.get(specifier)
    if (declared === undefined) return [{ specifier, names, target: toPackage(specifier) }]
    return names.flatMap((name) => {
      const path = declared.get(name)
      return typeof path === 'string' ? [{ specifier, names: [name], target: toFile(path) }] : []
    })
  }

  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const own = this.#moduleOf.get(from) ?? ''
    const modules = [
      own,
      ...[...(this.#imported.get(from) ?? [])].filter((module) => module !== own && this.#declared.has(module)),
    ]
    return references.flatMap((name) => {
      for (const module of modules) {
        const path = this.#declared.get(module)?.get(name)
        if (path === undefined) continue
        if (path === null || path === from) return []
        return [{ specifier: module === own ? name : module, names: [name], target: toFile(path) }]
      }
      return []
    })
  }
}
