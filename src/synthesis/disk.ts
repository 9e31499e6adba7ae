/** The files that are written at one moment: what an agent could read then. */
export interface Disk {
  has(path: string): boolean
  /** `undefined` where the file is not written. */
  get(path: string): Uint8Array | undefined
  paths(): string[]
}

/** The same files, with one more or with another version of one. */
export function withFile(disk: Disk, path: string, bytes: Uint8Array): Disk {
  return {
    has: (asked) => asked === path || disk.has(asked),
    get: (asked) => (asked === path ? bytes : disk.get(asked)),
    paths: () => (disk.has(path) ? disk.paths() : [...disk.paths(), path]),
  }
}
