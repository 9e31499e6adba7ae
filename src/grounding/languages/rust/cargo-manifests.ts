import { join, normalize } from 'node:path/posix'
import { objectOf } from '../../manifests/json-object.js'
import { readToml, tableAt, type TomlTable } from '../../manifests/toml.js'
import { folderOf } from '../paths.js'

/** The parts of a `Cargo.toml` that decide where imports lead. */
export interface CargoManifest {
  folder: string
  /** As code writes it, with `_`; empty for a workspace that is no package itself. */
  name: string
  edition: string
  /** The file at which the library's tree of modules begins, where the manifest names one. */
  lib: string | undefined
  libName: string | undefined
  /** Files at which other trees of modules begin. */
  targets: string[]
  /** Dependencies by the name that code uses for them. */
  dependencies: Map<string, { package: string; folder: string | undefined }>
}

/** Every `Cargo.toml` that can be read. Members of a workspace need no list: each folder with a manifest is a crate. */
export function cargoManifests(texts: ReadonlyMap<string, string>): CargoManifest[] {
  return [...texts].flatMap(([path, content]) => {
    if (!/(^|\/)Cargo\.toml(\.orig)?$/.test(path)) return []
    // A published crate has a generated `Cargo.toml`, which is skipped, beside the original.
    if (path.endsWith('.orig') && texts.has(path.slice(0, -'.orig'.length))) return []
    return [manifestOf(folderOf(path), readToml(content))]
  })
}

const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

function manifestOf(folder: string, toml: TomlTable): CargoManifest {
  const lib = tableAt(toml, 'lib')
  const listed = ['bin', 'example', 'test', 'bench'].flatMap((key): unknown[] =>
    Array.isArray(toml[key]) ? toml[key] : [],
  )
  const paths = listed.map((target) => stringOf(objectOf(target)['path']))
  const build = stringOf(tableAt(toml, 'package')['build'])
  return {
    folder,
    name: asName(stringOf(tableAt(toml, 'package')['name']) ?? ''),
    edition: stringOf(tableAt(toml, 'package')['edition']) ?? '2015',
    lib: pathIn(folder, stringOf(lib['path'])),
    libName: stringOf(lib['name']),
    targets: [...paths, build].flatMap((path) => pathIn(folder, path) ?? []),
    dependencies: dependenciesOf(folder, toml),
  }
}

function dependenciesOf(folder: string, toml: TomlTable): CargoManifest['dependencies'] {
  const found: CargoManifest['dependencies'] = new Map()
  const kinds = ['dependencies', 'dev-dependencies', 'build-dependencies']
  const targets = Object.values(tableAt(toml, 'target')).map(objectOf)
  for (const owner of [toml, tableAt(toml, 'workspace'), ...targets]) {
    for (const [key, value] of kinds.flatMap((kind) => Object.entries(tableAt(owner, kind)))) {
      const table = objectOf(value)
      found.set(asName(key), {
        package: stringOf(table['package']) ?? key,
        folder: pathIn(folder, stringOf(table['path'])),
      })
    }
  }
  return found
}

/** The name of a package as code writes it. */
export const asName = (name: string): string => name.replaceAll('-', '_')

function pathIn(folder: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const joined = normalize(join(folder === '' ? '.' : folder, path)).replace(/\/$/, '')
  return joined === '.' ? '' : joined
}
