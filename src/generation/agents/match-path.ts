/**
 * The file that a model means by a path: the path as it is, or without what models add to paths (quotes, `./`,
 * backslashes, the name of the repository as first folder). `null` if there is no such file; nothing is guessed from
 * parts of a path.
 */
export function matchPath(path: string, files: { has(path: string): boolean }, repository: string): string | null {
  if (files.has(path)) return path
  if (path.length > maxPathChars) return null
  const bare = path.trim().replace(/^["'`]+|["'`]+$/g, '')
  const slashed = bare.replace(/\\/g, '/').replace(/^(?:\.\/|\/)+/, '')
  const folders = [repository, repository.slice(repository.lastIndexOf('/') + 1)].filter((name) => name !== '')
  const inside = folders
    .filter((folder) => slashed.startsWith(`${folder}/`))
    .map((folder) => slashed.slice(folder.length + 1).replace(/^\/+/, ''))
  return [bare, slashed, ...inside].find((path) => files.has(path)) ?? null
}

/** No file system has longer paths. */
const maxPathChars = 4_096
