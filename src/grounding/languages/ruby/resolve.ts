import { join, normalize } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import { folderOf, isWithin, nearestAround } from '../paths.js'
import type { RawImport } from '../raw-import.js'
import {
  noSuchFile,
  skippedByPath,
  toFile,
  toPackage,
  unresolved,
  wasSkipped,
  type ResolveContext,
  type Resolver,
  type Target,
} from '../resolver.js'
import { constantsOf, foldersOfTests, loadRoots, loadsByName, nameKey, namespaceOf } from './load-path.js'

const maxSpecifierChars = 1_000

/** Finds the file of a `require` on the load path of the gem, or relative to the requiring file. */
export function rubyResolver({ texts, skipped }: ResolveContext): Resolver {
  const finder = new RubyFinder(texts, skipped)
  return {
    resolve: (from, raw) => [{ specifier: raw.specifier, names: raw.names, target: finder.resolve(from, raw) }],
    neighbours: (from, references) => finder.neighbours(from, references),
  }
}

class RubyFinder {
  readonly #texts: ReadonlyMap<string, string>
  /** Folders from which `require` starts. */
  readonly #roots: string[]
  /** The same folders, after those that a Rakefile adds for its tests. */
  readonly #loadPath: string[]
  /** Files by the constant that their path stands for. */
  readonly #constants: ReadonlyMap<string, string>
  /** Whether files are loaded by the names of constants, without a `require`. */
  readonly #isAutoloaded: boolean
  readonly #skipped: ReadonlyMap<string, SkippedFile>
  /** Whether a gem has a part that is compiled from C. */
  readonly #hasExtension: boolean

  constructor(texts: ReadonlyMap<string, string>, skipped: readonly SkippedFile[]) {
    this.#texts = texts
    this.#skipped = skippedByPath(skipped)
    const paths = [...texts.keys()]
    this.#roots = loadRoots(texts)
    this.#loadPath = [...new Set([...foldersOfTests(texts), ...this.#roots])]
    this.#hasExtension = paths.some((path) => /(^|\/)extconf\.rb$/.test(path))
    this.#constants = constantsOf(paths, this.#roots)
    this.#isAutoloaded = loadsByName(texts)
  }

  resolve(from: string, { specifier, form }: RawImport): Target {
    if (specifier.length > maxSpecifierChars) return unresolved('too long')
    if (form === 'constant') return this.#byName(from, specifier)
    if (specifier.startsWith('/')) return unresolved('an absolute path')
    if (form === 'relative' || /^\.{1,2}\//.test(specifier)) {
      const path = normalize(join(folderOf(from), specifier))
      if (path.startsWith('../')) return unresolved('it leads out of the repository')
      return this.#fileAt(path) ?? unresolved(this.#whyMissing(path))
    }
    // The file's own gem comes before the other gems of the repository.
    const [own, others] = [[] as string[], [] as string[]]
    for (const root of this.#loadPath) (isWithin(from, folderOf(root)) && root !== '' ? own : others).push(root)
    const holdsIt = (root: string): number => (isWithin(from, root) ? 1 : 0)
    own.sort((a, b) => holdsIt(b) - holdsIt(a) || b.length - a.length)
    for (const root of [...own, ...others]) {
      const found = this.#fileAt(join(root, specifier))
      if (found !== null) return found
    }
    return this.#missingOfOwn(specifier) ?? toPackage(specifier.split('/')[0] as string)
  }

  #fileAt(path: string): Target | null {
    const file = [`${path}.rb`, path].find((candidate) => this.#texts.has(candidate))
    return file === undefined ? null : toFile(file)
  }

  /** Unresolved, with the reason, where the first part of the path is a library of the repository; else `null`. */
  #missingOfOwn(specifier: string): Target | null {
    const first = specifier.split('/')[0] as string
    const root = this.#roots.find((folder) => folder !== '' && this.#texts.has(`${join(folder, first)}.rb`))
    if (root === undefined || first === specifier) return null
    const path = join(root, specifier)
    const why = this.#whyMissing(path)
    return unresolved(why === noSuchFile && this.#hasExtension ? 'a compiled extension, or no such file' : why)
  }

  #whyMissing(path: string): string {
    const skipped = nearestAround(this.#skipped, `${path}.rb`)
    return skipped === undefined ? noSuchFile : wasSkipped(skipped)
  }

  #byName(from: string, constant: string): Target {
    const name = nameKey(constant)
    const namespace = namespaceOf(from, this.#roots)
    for (let at = namespace.length; at >= 0; at--) {
      const path = [...namespace.slice(0, at), name].join('/')
      const found = this.#constants.get(path)
      if (found !== undefined && found !== from) return toFile(found)
    }
    return unresolved(`no file is named for ${constant}`)
  }

  /** The files of the constants that a file uses, where the repository loads constants by the names of files. */
  neighbours(from: string, references: readonly string[]): ImportRecord[] {
    if (!this.#isAutoloaded) return []
    const namespace = namespaceOf(from, this.#roots)
    return references.flatMap((reference) => {
      const parts = nameKey(reference)
      const start = reference.startsWith('::') ? 0 : namespace.length
      for (let at = start; at >= 0; at--) {
        const path = this.#constants.get([...namespace.slice(0, at), parts].join('/'))
        if (path === undefined) continue
        return path === from ? [] : [{ specifier: reference, names: ['*'], target: toFile(path) }]
      }
      return []
    })
  }
}
