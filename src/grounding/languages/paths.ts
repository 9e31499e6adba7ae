import { dirname } from 'node:path/posix'

/** The folder of a path; empty for the root, and for the root of an absolute path, so that no walk upwards is endless. */
export function folderOf(path: string): string {
  const folder = dirname(path)
  return folder === '.' || folder === '/' ? '' : folder
}

/**
 * The value of a path itself, or of the nearest folder around it. A lookup by folder instead of a search through all of
 * them: a hostile repository has thousands of manifests, and every import asks.
 */
export function nearestAround<T>(byFolder: ReadonlyMap<string, T>, path: string): T | undefined {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const found = byFolder.get(folder)
    if (found !== undefined || folder === '') return found
  }
}

/** The first value of each folder. */
export function firstByFolder<T extends { folder: string }>(list: readonly T[]): Map<string, T> {
  const byFolder = new Map<string, T>()
  for (const value of list) if (!byFolder.has(value.folder)) byFolder.set(value.folder, value)
  return byFolder
}

export const isWithin = (path: string, folder: string): boolean => folder === '' || path.startsWith(`${folder}/`)

/** Whether `path` shares more leading folders with `from` than `other` does. */
export function isNearer(from: string, path: string, other: string): boolean {
  return sharedFolders(from, path) > sharedFolders(from, other)
}

function sharedFolders(a: string, b: string): number {
  let shared = 0
  for (let at = 0; at < a.length && a[at] === b[at]; at++) if (a[at] === '/') shared++
  return shared
}
