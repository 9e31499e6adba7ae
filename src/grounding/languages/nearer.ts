/** Whether `path` shares more leading folders with `from` than `other` does. */
export function isNearer(from: string, path: string, other: string): boolean {
  return sharedFolders(from, path) > sharedFolders(from, other)
}

function sharedFolders(a: string, b: string): number {
  let shared = 0
  for (let at = 0; at < a.length && a[at] === b[at]; at++) if (a[at] === '/') shared++
  return shared
}
