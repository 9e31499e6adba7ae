import { join, normalize } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import type { RawImport } from '../raw-import.js'

type Target = ImportRecord['target']

const MAX_SPECIFIER_CHARS = 1_000

/** Finds the file of a `require`: on the load path of the gem, or relative to the file. */
export function rubyResolver({ texts, skipped }: ResolveContext): Resolver {
  const finder = new RubyFinder(texts, skipped)
  return {
    resolve: (from, raw) => [{ specifier: raw.specifier, names: raw.names, target: finder.resolve(from, raw) }],
    neighbours: (from, references) => finder.neighbours(from, references),
  }
}

class RubyFinder {
  /** Folders from which `require` starts. */
  private readonly roots: string[]
  /** The same, with the folders that a Rakefile gives to its tests. */
  private readonly loadPath: string[]
  /** Files by the constant that their path stands for: `foo/barbaz` for `Foo::BarBaz`. */
  private readonly constants: ReadonlyMap<string, string>
  /** Whether files are loaded by the names of constants, without a `require`. */
  private readonly isAutoloaded: boolean
  private readonly skipped: ReadonlyMap<string, SkippedFile>
  private readonly hasExtension: boolean

  constructor(
    private readonly texts: ReadonlyMap<string, string>,
    skipped: readonly SkippedFile[],
  ) {
    this.skipped = new Map(skipped.map((file) => [file.path, file]))
    const paths = [...texts.keys()]
    this.roots = loadRoots(texts)
    this.loadPath = [...new Set([...foldersOfTests(texts), ...this.roots])]
    this.hasExtension = paths.some((path) => /(^|\/)extconf\.rb$/.test(path))
    this.constants = constantsOf(paths, this.roots)
    this.isAutoloaded = loadsByName(texts)
  }

  resolve(from: string, { specifier, form }: RawImport): Target {
    if (specifier.length > MAX_SPECIFIER_CHARS) return unresolved('too long')
    if (form === 'constant') return this.byName(from, specifier)
    if (specifier.startsWith('/')) return unresolved('an absolute path')
    if (form === 'relative' || /^\.{1,2}\//.test(specifier)) {
      const path = normalize(join(folderOf(from), specifier))
      if (path.startsWith('../')) return unresolved('it leads out of the repository')
      return this.fileAt(path) ?? unresolved(this.whyMissing(path))
    }
    // The gem that the file is part of comes before its neighbours in the repository.
    const [own, others] = [[] as string[], [] as string[]]
    for (const root of this.loadPath) (isWithin(from, folderOf(root)) && root !== '' ? own : others).push(root)
    const holdsIt = (root: string): number => (isWithin(from, root) ? 1 : 0)
    own.sort((a, b) => holdsIt(b) - holdsIt(a) || b.length - a.length)
    for (const root of [...own, ...others]) {
      const found = this.fileAt(join(root, specifier))
      if (found !== null) return found
    }
    return this.isOurs(specifier) ?? { kind: 'external', package: specifier.split('/')[0] as string }
  }

  private fileAt(path: string): Target | null {
    const file = [`${path}.rb`, path].find((one) => this.texts.has(one))
    return file === undefined ? null : { kind: 'file', path: file }
  }

  /** Why there is no file, where the first part of the path is a library of the repository. */
  private isOurs(specifier: string): Target | null {
    const first = specifier.split('/')[0] as string
    const root = this.roots.find((one) => one !== '' && this.texts.has(`${join(one, first)}.rb`))
    if (root === undefined || first === specifier) return null
    const path = join(root, specifier)
    const why = this.whyMissing(path)
    return unresolved(why === NO_SUCH_FILE && this.hasExtension ? 'a compiled extension, or no such file' : why)
  }

  private whyMissing(path: string): string {
    for (let skipped = `${path}.rb`; skipped !== ''; skipped = folderOf(skipped)) {
      const entry = this.skipped.get(skipped)
      if (entry !== undefined) return `${skipped} was skipped (${entry.reason})`
    }
    return NO_SUCH_FILE
  }

  private byName(from: string, constant: string): Target {
    const name = nameKey(constant)
    const namespace = namespaceOf(from, this.roots)
    for (let at = namespace.length; at >= 0; at--) {
      const path = [...namespace.slice(0, at), name].join('/')
      const found = this.constants.get(path)
      if (found !== undefined && found !== from) return { kind: 'file', path: found }
    }
    return unresolved(`no file is named for ${constant}`)
  }

  /** Where the repository loads its constants by the names of their files: the files of those that this one names. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    if (!this.isAutoloaded) return []
    const namespace = namespaceOf(from, this.roots)
    return references.flatMap((reference) => {
      const parts = nameKey(reference)
      const start = reference.startsWith('::') ? 0 : namespace.length
      for (let at = start; at >= 0; at--) {
        const path = this.constants.get([...namespace.slice(0, at), parts].join('/'))
        if (path === undefined) continue
        return path === from ? [] : [{ specifier: reference, names: ['*'], target: { kind: 'file' as const, path } }]
      }
      return []
    })
  }
}

const NO_SUCH_FILE = 'no such file in the repository'

/** `t.libs << 'lib' << 'test/core'`: where a Rakefile says that its tests load from. */
function foldersOfTests(texts: ReadonlyMap<string, string>): string[] {
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

/** `lib` of each gem, what its gemspec adds, and the folders that test runners put on the path. */
function loadRoots(texts: ReadonlyMap<string, string>): string[] {
  const roots = new Set<string>()
  for (const [path, text] of texts) {
    if (!path.endsWith('.rb') && !path.endsWith('.gemspec') && !path.endsWith('.rake')) continue
    const parts = folderOf(path).split('/')
    // The outermost `lib`, `spec` or `test`: one further in is a name of the library's own.
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

/** Rails, Zeitwerk and ActiveSupport load a constant from the file that is named for it. */
function loadsByName(texts: ReadonlyMap<string, string>): boolean {
  if (texts.has('config/application.rb')) return true
  for (const [path, text] of texts) {
    if (path.endsWith('.rb') && /\bZeitwerk::Loader\b|\bextend ActiveSupport::Autoload\b/.test(text)) return true
  }
  return false
}

function constantsOf(paths: readonly string[], roots: readonly string[]): Map<string, string> {
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

/** The modules that a file stands in by its path, with its own name. */
function namespaceOf(path: string, roots: readonly string[]): string[] {
  const root = rootOf(path, roots)
  const inner = root === '' ? path : path.slice(root.length + 1)
  return inner
    .replace(/\.\w+$/, '')
    .replaceAll('_', '')
    .split('/')
}

/** `Foo::HTMLParser` as the path without underscores: how a name is split into words is not always clear. */
const nameKey = (constant: string): string =>
  constant.replace(/^::/, '').replaceAll('::', '/').replaceAll('_', '').toLowerCase()

const isWithin = (path: string, folder: string): boolean => folder === '' || path.startsWith(`${folder}/`)

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })
