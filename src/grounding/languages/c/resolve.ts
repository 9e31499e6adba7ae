import { basename, join, normalize } from 'node:path/posix'
import type { ImportRecord, SkippedFile } from '../../../records/index.js'
import type { ResolveContext, Resolver } from '../support.js'
import { folderOf } from '../../manifests/about-repository.js'
import type { RawImport } from '../raw-import.js'

type Target = ImportRecord['target']

const MAX_SPECIFIER_CHARS = 1_000

/** Finds the file of an `#include`: beside the file that includes it, else on the search path the layout suggests. */
export function cResolver({ texts, skipped }: ResolveContext): Resolver {
  const finder = new IncludeFinder([...texts.keys()], skipped)
  return {
    resolve: (from, raw) => [{ specifier: raw.specifier, names: raw.names, target: finder.resolve(from, raw) }],
  }
}

class IncludeFinder {
  private readonly files: ReadonlySet<string>
  private readonly byName = new Map<string, string[]>()
  private readonly folderNames = new Set<string>()
  private readonly skipped: ReadonlyMap<string, SkippedFile>
  private readonly skippedByName = new Map<string, SkippedFile[]>()
  /** Files whose path ends in what is included: the same for every file that includes it. */
  private readonly endingIn = new Map<string, string[]>()
  /** What each folder's files find. */
  private readonly foundFrom = new Map<string, string | undefined>()

  constructor(paths: readonly string[], skipped: readonly SkippedFile[]) {
    this.files = new Set(paths)
    for (const path of paths) {
      const name = basename(path)
      const sameName = this.byName.get(name)
      if (sameName === undefined) this.byName.set(name, [path])
      else sameName.push(path)
      for (const part of folderOf(path).split('/')) this.folderNames.add(part)
    }
    this.skipped = new Map(skipped.map((file) => [file.path, file]))
    for (const file of skipped) {
      const sameName = this.skippedByName.get(basename(file.path))
      if (sameName === undefined) this.skippedByName.set(basename(file.path), [file])
      else sameName.push(file)
    }
  }

  resolve(from: string, { specifier, form }: RawImport): Target {
    if (specifier.length > MAX_SPECIFIER_CHARS) return unresolved('too long')
    if (/^([/\\]|[A-Za-z]:)/.test(specifier)) return unresolved('an absolute path')
    const path = normalize(specifier.replaceAll('\\', '/'))
    const beside = normalize(join(folderOf(from), path))
    if (form === 'quote' && this.files.has(beside) && beside !== from) return { kind: 'file', path: beside }
    if (systemHeaders.has(path) || (form !== 'quote' && isOfSystem(path))) return external(path)
    const found = this.onSearchPath(from, path)
    if (found !== undefined) return { kind: 'file', path: found }
    const skipped = form === 'quote' || !isOfSystem(path) ? this.skippedEndingIn(from, path) : undefined
    if (skipped !== undefined) return unresolved(`${skipped.path} was skipped (${skipped.reason})`)
    if (form !== 'quote' || isOfSystem(path)) return external(path)
    return this.whyMissing(beside, path)
  }

  /** The nearest of the files whose path ends in what is included, since that is what `-I` is for. */
  private onSearchPath(from: string, path: string): string | undefined {
    const wanted = path.replace(/^(\.\.\/)+/, '')
    const candidates =
      this.endingIn.get(wanted) ?? (this.byName.get(basename(wanted)) ?? []).filter((file) => endsIn(file, wanted))
    this.endingIn.set(wanted, candidates)
    // Only a file that could be meant itself sees others than its neighbours do.
    const key = JSON.stringify([candidates.includes(from) ? from : folderOf(from), wanted])
    if (this.foundFrom.has(key)) return this.foundFrom.get(key)
    const best = nearestOf(
      from,
      candidates.filter((file) => file !== from),
    )
    this.foundFrom.set(key, best)
    return best
  }

  private skippedEndingIn(from: string, path: string): SkippedFile | undefined {
    const wanted = path.replace(/^(\.\.\/)+/, '')
    const sameName = this.skippedByName.get(basename(wanted)) ?? []
    const found = nearestOf(
      from,
      sameName.map((file) => file.path).filter((file) => endsIn(file, wanted)),
    )
    return found === undefined ? undefined : this.skipped.get(found)
  }

  private whyMissing(beside: string, path: string): Target {
    for (let skipped = beside; skipped !== '' && skipped !== '.'; skipped = folderOf(skipped)) {
      const entry = this.skipped.get(skipped)
      if (entry !== undefined) return unresolved(`${skipped} was skipped (${entry.reason})`)
    }
    const name = basename(path)
    const template = [
      `${name}.in`,
      `${name}.cmake`,
      `${name}.cmake.in`,
      `${name}.meson`,
      `${name.replace(/\.h$/, '')}.in.h`,
    ]
      .flatMap((one) => this.byName.get(one) ?? [])
      .at(0)
    if (template !== undefined) return unresolved(`made from ${template} when the project is built`)
    if (isBuilt(name)) return unresolved('made when the project is built')
    const [first = '', ...rest] = path.split('/')
    // Other people's headers are as often in quotes: "openssl/ssl.h".
    if (rest.length > 0 && first !== '..' && !this.folderNames.has(first)) return external(path)
    return unresolved('no such file in the repository')
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

/** How near a file is to the one that includes it; headers in `include` folders before copies in tests. */
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

/** Headers of the language and of the system, under which no repository's own are meant. */
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

const external = (path: string): Target => ({ kind: 'external', package: path.split('/')[0] as string })

const unresolved = (reason: string): Target => ({ kind: 'unresolved', reason })
