import { join } from 'node:path/posix'
import type { ImportRecord, OutlineItem } from '../../../records/index.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import { firstByFolder, nearestAround } from '../paths.js'
import type { RawImport } from '../raw-import.js'

/** Finds the files of a module by what they declare: Swift imports modules, and within one every file sees all others. */
export function swiftResolver(context: ResolveContext): Resolver {
  const finder = new SwiftFinder(context)
  return {
    resolve: (from, raw) => finder.resolve(from, raw),
    neighbours: (from, references) => finder.neighbours(from, references),
  }
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

/** An extension is needed where its type is used, which no name shows; more than one declaration is no certainty. */
class SwiftFinder {
  private readonly moduleOf: ReadonlyMap<string, string>
  /** For each module, the file of each name that one file alone declares; `null` where several do. */
  private readonly declared = new Map<string, Map<string, string | null>>()
  /** Names that a file takes from modules that it imports are found by its references. */
  private readonly imported = new Map<string, Set<string>>()

  constructor({ texts, parsed }: ResolveContext) {
    const imports = [...parsed.values()].flatMap((file) => file.imports.map((one) => one.specifier))
    this.moduleOf = modulesOf(texts, new Set(imports))
    for (const [path, file] of parsed) {
      const module = this.moduleOf.get(path)
      if (module === undefined) continue
      const names = this.declared.get(module) ?? new Map<string, string | null>()
      this.declared.set(module, names)
      for (const item of file.outline) {
        if (!declaredKinds.has(item.kind)) continue
        const known = names.get(item.name)
        names.set(item.name, known === undefined || known === path ? path : null)
      }
      this.imported.set(path, new Set(file.imports.map((one) => one.specifier)))
    }
  }

  /** Nothing for a module of the repository of which no one name is given: `neighbours` finds the files that are meant. */
  resolve(_from: string, { specifier, names }: RawImport): ImportRecord[] {
    const declared = this.declared.get(specifier)
    if (declared === undefined) return [{ specifier, names, target: { kind: 'external', package: specifier } }]
    return names.flatMap((name) => {
      const path = declared.get(name)
      return typeof path === 'string' ? [{ specifier, names: [name], target: { kind: 'file' as const, path } }] : []
    })
  }

  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    const own = this.moduleOf.get(from) ?? ''
    const modules = [
      own,
      ...[...(this.imported.get(from) ?? [])].filter((one) => one !== own && this.declared.has(one)),
    ]
    return references.flatMap((name) => {
      for (const module of modules) {
        const path = this.declared.get(module)?.get(name)
        if (path === undefined) continue
        if (path === null || path === from) return []
        return [{ specifier: module === own ? name : module, names: [name], target: { kind: 'file' as const, path } }]
      }
      return []
    })
  }
}

/**
 * The module of each Swift file: a target of a Package.swift, else the folder below `Sources`, else the folder at the
 * root where a module of such a name is imported (projects of Xcode are laid out so), else the repository.
 */
function modulesOf(texts: ReadonlyMap<string, string>, imported: ReadonlySet<string>): Map<string, string> {
  const targets = [...texts].flatMap(([path, text]) =>
    /(^|\/)Package(@swift-[\d.]+)?\.swift$/.test(path) ? targetsIn(path, text) : [],
  )
  const targetByFolder = firstByFolder(targets)
  const modules = new Map<string, string>()
  const unclaimed: string[] = []
  for (const path of texts.keys()) {
    if (!path.endsWith('.swift') || /(^|\/)Package(@swift-[\d.]+)?\.swift$/.test(path)) continue
    const target = nearestAround(targetByFolder, folderOf(path))
    const name = target?.name ?? /(?:^|\/)(?:Sources|Tests)\/([^/]+)\//.exec(path)?.[1]
    if (name === undefined) unclaimed.push(path)
    modules.set(path, name ?? '')
  }
  if (unclaimed.some((path) => imported.has(topOf(path)))) {
    for (const path of unclaimed) modules.set(path, topOf(path))
  }
  return modules
}

const topOf = (path: string): string => path.slice(0, Math.max(0, path.indexOf('/')))

const MAX_TARGETS = 200

/** The targets of a Package.swift, read off its text: nothing of it is run. */
function targetsIn(path: string, text: string): { name: string; folder: string }[] {
  const base = folderOf(path)
  const starts = [...text.matchAll(/\.(target|executableTarget|testTarget|macro|plugin)\s{0,8}\(/g)].slice(
    0,
    MAX_TARGETS,
  )
  return starts.flatMap((start, at) => {
    const end = Math.min(starts[at + 1]?.index ?? text.length, start.index + 4_000)
    const body = text.slice(start.index, end)
    const name = /\bname:\s{0,8}"([\w .-]{1,100})"/.exec(body)?.[1]
    if (name === undefined) return []
    const given = /\bpath:\s{0,8}"([\w ./-]{1,200})"/.exec(body)?.[1]
    const folder = given ?? `${start[1] === 'testTarget' ? 'Tests' : 'Sources'}/${name}`
    return [{ name: name.replaceAll('-', '_'), folder: join(base, folder).replace(/\/$|^\.$/, '') }]
  })
}
