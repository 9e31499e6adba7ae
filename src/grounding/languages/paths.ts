/**
 * What a path itself stands for, or the nearest folder around it. A table by folder instead of a search through all of
 * them: a hostile repository has thousands of manifests, and every import asks.
 */
export function nearestAround<T>(byFolder: ReadonlyMap<string, T>, path: string): T | undefined {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const found = byFolder.get(folder)
    if (found !== undefined || folder === '') return found
  }
}

/** The first of each folder. */
export function firstByFolder<T extends { folder: string }>(list: readonly T[]): Map<string, T> {
  const byFolder = new Map<string, T>()
  for (const one of list) if (!byFolder.has(one.folder)) byFolder.set(one.folder, one)
  return byFolder
}
