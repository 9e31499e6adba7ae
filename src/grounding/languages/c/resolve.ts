import { basename, join, normalize } from 'node:path/posix'
import type { SkippedFile } from '../../../records/index.js'
import { addTo } from '../lists.js'
import { folderOf, nearestAround } from '../paths.js'
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

const maxSpecifierChars = 1_000

/** Finds the file of an `#include`: beside the including file, else on a search path that the layout suggests. */
export function cResolver({ texts, skipped }: ResolveContext): Resolver {
  const finder = new IncludeFinder([...texts.keys()], skipped)
  return {
    resolve: (from, raw) => [{ specifier: raw.specifier, names: raw.names, target: finder.resolve(from, raw) }],
  }
}

class IncludeFinder {
  readonly #files: ReadonlySet<string>
  readonly #byName = new Map<string, string[]>()
  readonly #folderNames = new Set<string>()
  readonly #skipped: ReadonlyMap<string, SkippedFile>
  readonly #skippedByName = new Map<string, SkippedFile[]>()
  /** By an included path, the files whose path ends in it: the same for every including file. */
  readonly #endingIn = new Map<string, string[]>()
  /** By a folder and an included path, the file that the folder's files find. */
  readonly #foundFrom = new Map<string, string | undefined>()

  constructor(paths: readonly string[], skipped: readonly SkippedFile[]) {
    this.#files = new Set(paths)
    for (const path of paths) {
      addTo(this.#byName, basename(path), path)
      for (const part of folderOf(path).split('/')) this.#folderNames.add(part)
    }
    this.#skipped = skippedByPath(skipped)
    for (const file of skipped) addTo(this.#skippedByName, basename(file.path), file)
  }

  resolve(from: string, { specifier, form }: RawImport): Target {
    if (specifier.length > maxSpecifierChars) return unresolved('too long')
    if (/^([/\\]|[A-Za-z]:)/.test(specifier)) return unresolved('an absolute path')
    const path = normalize(specifier.replaceAll('\\', '/'))
    const beside = normalize(join(folderOf(from), path))
    if (form === 'quote' && this.#files.has(beside) && beside !== from) return toFile(beside)
    if (systemHeaders.has(path) || (form !== 'quote' && isOfSystem(path))) return external(path)
    const found = this.#onSearchPath(from, path)
    if (found !== undefined) return toFile(found)
    const skipped = form === 'quote' || !isOfSystem(path) ? this.#skippedEndingIn(from, path) : undefined
    if (skipped !== undefined) return unresolved(wasSkipped(skipped))
    if (form !== 'quote' || isOfSystem(path)) return external(path)
    return this.#whyMissing(beside, path)
  }

  /** The nearest of the files whose path ends in the included path: build files add such folders with `-I`. */
  #onSearchPath(from: string, path: string): string | undefined {
    const wanted = path.replace(/^(\.\.\/)+/, '')
    const candidates =
      this.#endingIn.get(wanted) ?? (this.#byName.get(basename(wanted)) ?? []).filter((file) => endsIn(file, wanted))
    this.#endingIn.set(wanted, candidates)
    // All files of a folder find the same file, except a file that is a candidate itself.
    const key = JSON.stringify([candidates.includes(from) ? from : folderOf(from), wanted])
    if (this.#foundFrom.has(key)) return this.#foundFrom.get(key)
    const best = nearestOf(
      from,
      candidates.filter((file) => file !== from),
    )
    this.#foundFrom.set(key, best)
    return best
  }

  #skippedEndingIn(from: string, path: string): SkippedFile | undefined {
    const wanted = path.replace(/^(\.\.\/)+/, '')
    const sameName = this.#skippedByName.get(basename(wanted)) ?? []
    const found = nearestOf(
      from,
      sameName.map((file) => file.path).filter((file) => endsIn(file, wanted)),
    )
    return found === undefined ? undefined : this.#skipped.get(found)
  }

  #whyMissing(beside: string, path: string): Target {
    const skipped = nearestAround(this.#skipped, beside)
    if (skipped !== undefined) return unresolved(wasSkipped(skipped))
    const name = basename(path)
    const template = [
      `${name}.in`,
      `${name}.cmake`,
      `${name}.cmake.in`,
      `${name}.meson`,
      `${name.replace(/\.h$/, '')}.in.h`,
    ]
      .flatMap((candidate) => this.#byName.get(candidate) ?? [])
      .at(0)
    if (template !== undefined) return unresolved(`made from ${template} when the project is built`)
    if (isBuilt(name)) return unresolved('made when the project is built')
    const [first = '', ...rest] = path.split('/')
    // Headers of other projects are often in quotes too: "openssl/ssl.h".
    if (rest.length > 0 && first !== '..' && !this.#folderNames.has(first)) return external(path)
    return unresolved(noSuchFile)
  }
}

const endsIn = (file: string, wanted: string): boolean => file === wanted || file.endsWith(`/${wanted}`)

function nearestOf(from: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  for (const candidate of candidates) {
    if (best === undefined || closeness(from, candidate) > closeness(from, best)) best = candidate
  }
  return best
}

/** How near a file is to the including file. A file in a folder of tests or examples counts as further away. */
function closeness(from: string, path: string): number {
  const [ours, theirs] = [folderOf(from).split('/'), folderOf(path).split('/')]
  let shared = 0
  while (shared < ours.length && shared < theirs.length && ours[shared] === theirs[shared]) shared++
  const isAside = theirs
    .slice(shared)
    .some((part) => /^(tests?|examples?|compat|contrib|docs?|win32|deps)$/i.test(part))
  return shared * 100 - (isAside ? 50 : 0) - Math.min(theirs.length, 40)
}

const isBuilt = (name: string): boolean =>
  /^(auto)?config(ure)?\.h$|(^|[_-])(config|version|export|features?)\.h(pp)?$|^(moc_.*\.cpp|.*\.moc|ui_.*\.h|.*\.(pb|grpc\.pb)\.h|.*\.tab\.h)$/i.test(
    name,
  )

/** Headers of the language and of the system: an `#include` of such a name never means a file of the repository. */
const systemHeaders = new Set(
  (
    'assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool stddef ' +
    'stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype unistd fcntl pthread dlfcn dirent poll sched ' +
    'semaphore syslog termios glob grp pwd strings netdb windows winsock2 malloc alloca memory values byteswap endian utime ' +
    'ws2tcpip io process direct conio tchar intrin immintrin emmintrin xmmintrin arm_neon execinfo paths sysexits'
  )
    .split(' ')
    .map((name) => `${name}.h`),
)

const isOfSystem = (path: string): boolean =>
  /^(sys|net|netinet|arpa|linux|bits|asm|mach|machine)\//.test(path) || /^[a-z_]+$/.test(path)

const external = (path: string): Target => toPackage(path.split('/')[0] as string)
