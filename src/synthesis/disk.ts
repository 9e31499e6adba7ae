/** The repository as far as it is written: what an agent could read at that moment. */
export interface Disk {
  has(path: string): boolean
  /** `undefined` where the file is not written. */
  get(path: string): Uint8Array | undefined
  paths(): string[]
}

/** The same with one file more, or another version of one. */
export function withFile(disk: Disk, path: string, bytes: Uint8Array): Disk {
  return {
    has: (one) => one === path || disk.has(one),
    get: (one) => (one === path ? bytes : disk.get(one)),
    paths: () => (disk.has(path) ? disk.paths() : [...disk.paths(), path]),
  }
}
