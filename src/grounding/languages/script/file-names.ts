/** Whether a file is a TypeScript declaration file: `a.d.ts`, `a.d.mts`, `a.d.css.ts`. */
export const isDeclarationFile = (path: string): boolean => /\.d(\.[^./]+)?\.[cm]?ts$/.test(path)

/** The path without its extension; `.d.ts` and its like count as one extension. */
export function stemOf(path: string): string {
  return path.replace(/\.d\.[cm]?ts$/, '').replace(/\.[^./]+$/, '')
}

/** Names of folders that compilers and bundlers write to. */
export const outputFolders: ReadonlySet<string> = new Set([
  'dist',
  'build',
  'out',
  'esm',
  'cjs',
  'umd',
  '_esm',
  '_cjs',
  'es',
  'lib-esm',
])
