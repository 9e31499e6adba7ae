import type { ImportRecord } from '../../records/index.js'
import type { ResolveContext, Resolver } from './resolver.js'
import { rowOf, type Language, type SourceLanguage } from './table.js'

/** The resolver of each language, made when the first file asks for it; `undefined` for a language without one. */
export function resolversFor(context: ResolveContext): (language: SourceLanguage) => Resolver | undefined {
  const made = new Map<(context: ResolveContext) => Resolver, Resolver>()
  return (language) => {
    const make = rowOf(language).resolver
    if (make === undefined) return undefined
    const resolver = made.get(make) ?? make(context)
    made.set(make, resolver)
    return resolver
  }
}

interface ResolvedImports {
  /** The imports of each file, in the order of the files. */
  imports: ImportRecord[][]
  /** Whether `from` needs `to` at the time that it is loaded. */
  isStrong(this: void, from: string, to: string): boolean
}

/** Resolves the imports of all files. */
export function resolveImports(
  files: readonly { path: string; language: Language }[],
  context: ResolveContext,
): ResolvedImports {
  const resolverOf = resolversFor(context)
  const strong = new Map(files.map((file) => [file.path, new Set<string>()]))
  const imports = files.map(({ path, language }) => {
    const resolver = language === 'text' ? undefined : resolverOf(language)
    const parsed = context.parsed.get(path)
    if (resolver === undefined || parsed === undefined) return []
    const records = parsed.imports.flatMap((raw) => {
      const found = resolver.resolve(path, raw)
      for (const { target } of raw.weak ? [] : found) if (target.kind === 'file') strong.get(path)?.add(target.path)
      return found
    })
    return mergeImports([...records, ...(resolver.neighbours?.(path, parsed.references) ?? [])])
  })
  return { imports, isStrong: (from, to) => strong.get(from)?.has(to) === true }
}

/** One record for each specifier and target, in order of first use. */
function mergeImports(records: readonly ImportRecord[]): ImportRecord[] {
  const merged = new Map<string, ImportRecord>()
  for (const record of records) {
    const key = JSON.stringify([record.specifier, record.target])
    const before = merged.get(key)?.names ?? []
    merged.set(key, { ...record, names: [...new Set([...before, ...record.names])] })
  }
  return [...merged.values()]
}
