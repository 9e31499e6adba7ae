import type { Disk } from '../../src/synthesis/disk.js'

/** Written files by path. */
export function diskOf(files: Readonly<Record<string, string | Uint8Array>>): Disk {
  const bytes = new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      typeof content === 'string' ? Buffer.from(content) : content,
    ]),
  )
  return { has: (path) => bytes.has(path), get: (path) => bytes.get(path), paths: () => [...bytes.keys()] }
}
