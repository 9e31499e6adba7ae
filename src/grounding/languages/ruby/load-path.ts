import { join, normalize } from 'node:path/posix'
import { folderOf, isWithin } from '../paths.js'

/** The folders from which a Rakefile loads its tests: `t.libs << 'lib' << 'test/core'`. */
export function foldersOfTests(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].flatMap(([path, text]) => {
    if (!/(^|\/)Rakefile$|\.rake$/.test(path)) return []
    const given = text.matchAll(/\.libs[ \t]{0,8}(?:<<|\+?=|\.push|\.concat)([^\n]{1,200})/g)
    return [...given].flatMap(([, listed = '']) =>
      [...listed.matchAll(/["']([\w./-]{1,80})["']/g)].map((folder) =>
        normalize(join(folderOf(path), folder[1] ?? '')).replace(/\/$/, ''),
      ),
    )
  })
}

/** The `lib` folder of each gem, the folders that its gemspec adds, and those that test runners add. */
export function loadRoots(texts: ReadonlyMap<string, string>): string[] {
  const roots = new Set<string>()
  for (const [path, text] of texts) {
    if (!path.endsWith('.rb') && !path.endsWith('.gemspec') && !path.endsWith('.rake')) continue
    const parts = folderOf(path).split('/')
    // The outermost `lib`, `spec` or `test`: an inner folder of that name belongs to the library.
    const at = parts.findIndex((part) => /^(lib|spec|test)$/.test(part))
    if (at >= 0) roots.add(parts.slice(0, at + 1).join('/'))
    const app = /^((?:.*\/)?app\/\w+)\//.exec(path)?.[1]
    if (app !== undefined) roots.add(app)
    if (!path.endsWith('.gemspec')) continue
    const listed = /\.require_paths?\s*=\s*([^\n]{1,300})/.exec(text)?.[1] ?? ''
    for (const [, folder = ''] of listed.matchAll(/["']([\w./-]{1,80})["']/g))
      roots.add(normalize(join(folderOf(path), folder)))
  }
  return [...[...roots].sort(), '']
}

/** Whether Rails, Zeitwerk or ActiveSupport loads each constant from the file with its name. */
export function loadsByName(texts: ReadonlyMap<string, string>): boolean {
  if (texts.has('config/application.rb')) return true
  for (const [path, text] of texts) {
    if (path.endsWith('.rb') && /\bZeitwerk::Loader\b|\bextend ActiveSupport::Autoload\b/.test(text)) return true
  }
  return false
}

/** Files by the constant that their path stands for, without underscores: `foo/barbaz` for `Foo::BarBaz`. */
export function constantsOf(paths: readonly string[], roots: readonly string[]): Map<string, string> {
  const byConstant = new Map<string, string>()
  for (const path of paths) {
    if (!path.endsWith('.rb')) continue
    const root = rootOf(path, roots)
    if (root === '' || /(^|\/)(spec|test)$/.test(root)) continue
    const key = path.slice(root.length + 1, -'.rb'.length).replaceAll('_', '')
    if (!byConstant.has(key)) byConstant.set(key, path)
  }
  return byConstant
}

const rootOf = (path: string, roots: readonly string[]): string =>
  roots
    .filter((root) => isWithin(path, root))
    .reduce((longest, root) => (root.length > longest.length ? root : longest), '')

/** The modules around a file by its path, and its own name. */
export function namespaceOf(path: string, roots: readonly string[]): string[] {
  const root = rootOf(path, roots)
  const inner = root === '' ? path : path.slice(root.length + 1)
  return inner
    .replace(/\.\w+$/, '')
    .replaceAll('_', '')
    .split('/')
}

/** `Foo::HTMLParser` as a path without underscores, since the words of a name are not always clear. */
export const nameKey = (constant: string): string =>
  constant.replace(/^::/, '').replaceAll('::', '/').replaceAll('_', '').toLowerCase()
