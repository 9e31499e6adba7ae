import { join } from 'node:path/posix'
import { firstByFolder, folderOf, nearestAround } from '../paths.js'

/**
 * The module of each Swift file: a target of a Package.swift, else the folder below `Sources`, else the top folder if
 * some file imports a module of that name (the layout of Xcode projects), else the repository, as an empty name.
 */
export function modulesOf(texts: ReadonlyMap<string, string>, imported: ReadonlySet<string>): Map<string, string> {
  const targets = [...texts].flatMap(([path, text]) =>
    /(^|\/)Package(@swift-[\d.]+)?\.swift$/.test(path) ? targetsIn(path, text) : [],
  )
  const targetByFolder = firstByFolder(targets)
  const modules = new Map<string, string>()
  const unclaimed: string[] = []
  for (const path of texts.keys()) {
    if (!path.endsWith('.swift') || /(^|\/)Package(@swift-[\d.]+)?\.swift$/.test(path)) continue
    const target = nearestAround(targetByFolder, folderOf(path))
    const name = target?.name ?? /(?:^|\/)(?:Sources|Tests)\/([^/]+)\//.exec(path)?.[1]
    if (name === undefined) unclaimed.push(path)
    modules.set(path, name ?? '')
  }
  if (unclaimed.some((path) => imported.has(topOf(path)))) {
    for (const path of unclaimed) modules.set(path, topOf(path))
  }
  return modules
}

const topOf = (path: string): string => path.slice(0, Math.max(0, path.indexOf('/')))

const maxTargets = 200

/** The targets of a Package.swift, read from its text: it is not run. */
function targetsIn(path: string, text: string): { name: string; folder: string }[] {
  const base = folderOf(path)
  const starts = [...text.matchAll(/\.(target|executableTarget|testTarget|macro|plugin)\s{0,8}\(/g)].slice(
    0,
    maxTargets,
  )
  return starts.flatMap((start, at) => {
    const end = Math.min(starts[at + 1]?.index ?? text.length, start.index + 4_000)
    const body = text.slice(start.index, end)
    const name = /\bname:\s{0,8}"([\w .-]{1,100})"/.exec(body)?.[1]
    if (name === undefined) return []
    const given = /\bpath:\s{0,8}"([\w ./-]{1,200})"/.exec(body)?.[1]
    const folder = given ?? `${start[1] === 'testTarget' ? 'Tests' : 'Sources'}/${name}`
    return [{ name: name.replaceAll('-', '_'), folder: join(base, folder).replace(/\/$|^\.$/, '') }]
  })
}
