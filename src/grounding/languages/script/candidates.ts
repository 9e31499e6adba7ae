import { outputFolders, stemOf } from './file-names.js'

/** Contents of files by path; only the paths are read here. */
type Files = ReadonlyMap<string, string>

const codeExtensions = [
  '.ts',
  '.tsx',
  '.d.ts',
  '.mts',
  '.cts',
  '.js',
  '.jsx',
  '.mjs',
  '.cjs',
  '.json',
  '.d.mts',
  '.d.cts',
]
const typedTwins: Readonly<Record<string, string[]>> = {
  '.js': ['.ts', '.tsx', '.d.ts', '.jsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts', '.d.mts', '.ts'],
  '.cjs': ['.cts', '.d.cts', '.ts'],
}

/** The files that a path may mean, the most likely first: itself, its TypeScript, with an extension, or a folder's index. */
export function candidatesFor(path: string): string[] {
  const inFolder = path === '' || path === '.' ? 'index' : `${path}/index`
  const extension = /\.[cm]?jsx?$/.exec(path)?.[0] ?? ''
  const twins = (typedTwins[extension] ?? []).map((twin) => path.slice(0, -extension.length) + twin)
  // TypeScript first: where both `a.ts` and `a.js` exist, people wrote `a.ts`, so `./a.js` means that.
  const declared = path.replace(/(?<!\.d)\.([cm]?)ts$/, '.d.$1ts')
  return [
    ...twins,
    path,
    declared,
    ...codeExtensions.map((codeExtension) => path + codeExtension),
    ...codeExtensions.map((codeExtension) => inFolder + codeExtension),
  ]
}

/** The source of a file in an output folder: `src/a.ts` or `a.ts` for `dist/esm/a.js`. A checkout has no compiled files. */
export function sourceBehindOutput(path: string, files: Files): string | undefined {
  const parts = stemOf(path).split('/')
  for (const [at, part] of parts.entries()) {
    if (!outputFolders.has(part)) continue
    const below = parts.slice(at + 1)
    const isFormat = below.length > 0 && /^(esm|cjs|commonjs)$/.test(below[0] as string)
    const rests = isFormat ? [below, below.slice(1)] : [below]
    for (const folder of [['src'], ['source'], ['lib'], []]) {
      for (const rest of rests) {
        const stem = [...parts.slice(0, at), ...folder, ...rest].join('/')
        const names = at + folder.length + rest.length === 0 ? ['index'] : [stem, `${stem}/index`]
        const candidates = names.flatMap((name) => codeExtensions.map((extension) => name + extension))
        const found = candidates.find((candidate) => files.has(candidate))
        if (found !== undefined) return found
      }
    }
  }
  return undefined
}

/** The source of a compiled file, as manifests name them, in any folder: `src/a.ts` for `dist/a.js`. */
export function sourceOf(path: string, files: Files): string | undefined {
  const stem = stemOf(path)
  const parts = stem.split('/')
  for (let at = 0; at < parts.length; at++) {
    for (const folder of ['src', 'source', 'lib']) {
      const beside = [...parts.slice(0, at), folder, ...parts.slice(at + 1)].join('/')
      const below = [...parts.slice(0, at), folder, ...parts.slice(at)].join('/')
      for (const candidate of at < parts.length - 1 ? [beside, below] : [below]) {
        const found = codeExtensions.map((extension) => candidate + extension).find((file) => files.has(file))
        if (found !== undefined) return found
      }
    }
  }
  return undefined
}
