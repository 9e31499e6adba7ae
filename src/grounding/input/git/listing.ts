import { byCodeUnits } from '../../order/code-units.js'
import { judgePathName } from '../../selection/name-rules.js'
import type { Verdict } from '../../selection/verdict.js'

/** The most bytes of one entry of a listing: mode, type, id, size, path. */
export const maxListedBytes = 512

/** A file in a listing of git. */
export interface Listed {
  mode: string
  id: string
  sizeBytes: number
  path: string
}

/** The whole lines of a listing: `MODE TYPE ID SIZE\tPATH\0`. A last line that was cut is left out. */
export function listedIn(stdout: Buffer): Listed[] {
  const text = stdout.toString('utf8')
  return text
    .slice(0, text.lastIndexOf('\0') + 1)
    .split('\0')
    .flatMap((line) => {
      const tab = line.indexOf('\t')
      const [mode, type, id, size] = line.slice(0, Math.max(0, tab)).split(/ +/)
      if (mode === undefined || id === undefined || type === 'tree') return []
      return [{ mode, id, sizeBytes: Number(size), path: line.slice(tab + 1) }]
    })
}

/** Skips a file by its mode and name. */
export function judgeListed({ mode, id, sizeBytes, path }: Listed): Verdict {
  if (mode === '120000') return { reason: 'symlink', detail: 'a link' }
  if (mode === '160000') return { reason: 'not-a-file', detail: `a submodule, at commit ${id}` }
  const unusable = judgePathName(path)
  if (unusable !== null) return unusable
  // Git refuses such names on checkout; a tree made by hand can contain them.
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..' || /^[A-Za-z]:$/.test(part))) {
    return { reason: 'unsupported', detail: 'its name leads out of the folder, or is none' }
  }
  if (!Number.isSafeInteger(sizeBytes)) return { reason: 'unreadable', detail: 'its object is missing' }
  return null
}

/** In order of path, each once; without files whose name is also a folder, which only a tree made by hand has. */
export function withoutFoldersOf(files: readonly Listed[]): Listed[] {
  const folders = new Set<string>()
  for (const { path } of files) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  }
  const byPath = new Map(files.filter((file) => !folders.has(file.path)).map((file) => [file.path, file]))
  return [...byPath.values()].sort((a, b) => byCodeUnits(a.path, b.path))
}
