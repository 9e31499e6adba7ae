import { join, normalize } from 'node:path/posix'
import { folderOf } from '../../manifests/about-repository.js'
import { readToml, tableAt, type TomlTable } from '../../manifests/toml.js'

/** What finding Rust's modules needs of one `Cargo.toml`. */
export interface CargoManifest {
  folder: string
  /** As code calls it, with `_`; empty for a workspace that is no package itself. */
  name: string
  edition: string
  /** Files at which a tree of modules begins, as the manifest names them. */
  lib: string | undefined
  libName: string | undefined
  targets: string[]
  /** Names under which code knows its dependencies, and the package that each one is. */
  dependencies: Map<string, { package: string; folder: string | undefined }>
}

/** Every `Cargo.toml` that can be read. Members of a workspace need not be listed: what has a manifest is a crate. */
export function cargoManifests(texts: ReadonlyMap<string, string>): CargoManifest[] {
  return [...texts].flatMap(([path, content]) => {
    if (!/(^|\/)Cargo\.toml(\.orig)?$/.test(path)) return []
    // A published crate has a generated `Cargo.toml`, which is skipped, and the one that was written beside it.
    if (path.endsWith('.orig') && texts.has(path.slice(0, -'.orig'.length))) return []
    return [manifestOf(folderOf(path), readToml(content))]
  })
}

const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

function manifestOf(folder: string, toml: TomlTable): CargoManifest {
  const lib = tableAt(toml, 'lib')
  const listed = ['bin', 'example', 'test', 'bench'].flatMap((key) => (Array.isArray(toml[key]) ? toml[key] : []))
  const paths = listed.map((one) => stringOf((one as TomlTable | null)?.['path']))
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
  const targets = Object.values(tableAt(toml, 'target')).map((one) => tableAt({ one }, 'one'))
  for (const owner of [toml, tableAt(toml, 'workspace'), ...targets]) {
    for (const [key, value] of kinds.flatMap((kind) => Object.entries(tableAt(owner, kind)))) {
      const table = tableAt({ value }, 'value')
      found.set(asName(key), {
        package: stringOf(table['package']) ?? key,
        folder: pathIn(folder, stringOf(table['path'])),
      })
    }
  }
  return found
}

export const asName = (name: string): string => name.replaceAll('-', '_')

function pathIn(folder: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const joined = normalize(join(folder === '' ? '.' : folder, path)).replace(/\/$/, '')
  return joined === '.' ? '' : joined
}
