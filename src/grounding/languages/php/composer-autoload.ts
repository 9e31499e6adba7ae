import { basename, join } from 'node:path/posix'
import { folderOf, readJsonObject } from '../../manifests/about-repository.js'

/** Where a composer.json says the classes of a namespace are. */
export interface AutoloadRule {
  /** With its last backslash; empty for every class. */
  prefix: string
  folder: string
  /** PSR-4, whose folder stands for the prefix; PSR-0 has the prefix in the path as well. */
  isFlat: boolean
}

/** The rules of every composer.json of the repository, the longest prefix first. */
export function autoloadRules(files: ReadonlyMap<string, string>): AutoloadRule[] {
  const rules = [...files].flatMap(([path, content]) => {
    if (basename(path) !== 'composer.json') return []
    const manifest = readJsonObject(content)
    return ['autoload', 'autoload-dev'].flatMap((key) => rulesIn(objectOf(manifest[key]), folderOf(path)))
  })
  return rules.sort((a, b) => b.prefix.length - a.prefix.length)
}

function rulesIn(autoload: Record<string, unknown>, base: string): AutoloadRule[] {
  return (['psr-4', 'psr-0'] as const).flatMap((standard) =>
    Object.entries(objectOf(autoload[standard])).flatMap(([prefix, folders]) =>
      (Array.isArray(folders) ? folders : [folders]).flatMap((folder: unknown) =>
        typeof folder === 'string' ? [{ prefix, folder: join(base, folder), isFlat: standard === 'psr-4' }] : [],
      ),
    ),
  )
}

const objectOf = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
