import { dirname } from 'node:path/posix'
import { languageOf } from '../languages/language-of.js'
import { isDeclarationFile, outputFolders, stemOf } from '../languages/script/file-names.js'
import type { Verdict } from './verdict.js'

const sourceFolders = ['src', 'source', 'sources']
const compiledExtension = /\.(js|cjs|mjs|jsx|d\.ts|d\.cts|d\.mts)$/
const typedExtensions = ['.ts', '.tsx', '.mts', '.cts']

/**
 * Skips compiled output, which only the list of all files shows: a `.js` or `.d.ts` whose TypeScript is in the list, a
 * `.d.ts` beside its `.js` in an output folder or with a map (else people may have written it), and a `dist/` beside a
 * `src/` with code.
 *
 * @param paths every file that was not skipped by its name
 * @param all every file
 */
export function compiledFileJudge(paths: Iterable<string>, all: ReadonlySet<string>): (path: string) => Verdict {
  const present = new Set(paths)
  const sourceParents = new Set<string>()
  for (const path of present) {
    const parts = path.split('/')
    const at = parts.findIndex((part, index) => index < parts.length - 1 && sourceFolders.includes(part))
    if (at >= 0 && languageOf(path) !== 'text') sourceParents.add(parts.slice(0, at).join('/'))
  }
  const builders = buildFolders(all)
  return (path) => {
    const output = builders.find((folder) => path.startsWith(folder))
    if (output !== undefined)
      return { reason: 'generated', detail: `build output: ${output} stands beside its project` }
    if (!compiledExtension.test(path)) return null
    const source = sourceTwin(path, present, all)
    if (source !== undefined) return { reason: 'generated', detail: `compiled from ${source}` }
    const parts = path.split('/')
    const at = parts.findIndex((part, index) => index < parts.length - 1 && part === 'dist')
    if (at < 0 || !sourceParents.has(parts.slice(0, at).join('/'))) return null
    return { reason: 'generated', detail: `compiled output: its folder stands beside the sources` }
  }
}

/** Folders that Cargo, Maven and MSBuild write to: only the manifest beside them shows what they are. */
function buildFolders(all: ReadonlySet<string>): string[] {
  const folders = [...all].flatMap((path) => {
    const folder = path.slice(0, path.lastIndexOf('/') + 1)
    const name = path.slice(folder.length)
    if (name === 'Cargo.toml' || name === 'pom.xml') return [`${folder}target/`]
    return /\.csproj$/i.test(name) ? [`${folder}obj/`, `${folder}bin/`] : []
  })
  return [...new Set(folders)]
}

/** The file that a file was compiled from, if it is in the repository. */
function sourceTwin(path: string, present: ReadonlySet<string>, all: ReadonlySet<string>): string | undefined {
  const stem = stemOf(path)
  const isEmitted = isDeclarationFile(path) && (all.has(`${path}.map`) || isInOutputFolder(path))
  const beside = isEmitted ? [...typedExtensions, '.js', '.mjs', '.cjs', '.jsx'] : typedExtensions
  for (const extension of beside) {
    if (present.has(stem + extension)) return stem + extension
  }
  for (const stemElsewhere of sourceStems(stem)) {
    const found = typedExtensions.map((extension) => stemElsewhere + extension).find((twin) => present.has(twin))
    if (found !== undefined) return found
  }
  return undefined
}

const isInOutputFolder = (path: string): boolean =>
  dirname(path)
    .split('/')
    .some((part) => outputFolders.has(part))

/** Where the source of a compiled file may stand: `src/a` for `lib/a` and `a`, `pkg/src/a` for `pkg/dist/a`. */
function sourceStems(stem: string): string[] {
  const parts = stem.split('/')
  const stems: string[] = []
  for (let at = 0; at < parts.length; at++) {
    // `js/a.js` and `ts/a.ts`: only both folders together are a sign.
    if (/^[cm]?js$/.test(parts[at] as string))
      stems.push([...parts.slice(0, at), 'ts', ...parts.slice(at + 1)].join('/'))
    const isOutput = at < parts.length - 1 && outputFolders.has(parts[at] as string)
    if (!isOutput && at > 0) continue
    const rest = parts.slice(isOutput ? at + 1 : at)
    for (const folder of sourceFolders) stems.push([...parts.slice(0, at), folder, ...rest].join('/'))
  }
  return stems
}
