import { basename, join } from 'node:path/posix'
import { objectOf, readJsonObject } from '../../manifests/json-object.js'
import { folderOf } from '../paths.js'

/** A rule of a composer.json: the folder with the classes of a namespace. */
export interface AutoloadRule {
  /** The namespace with its last backslash; empty for every class. */
  prefix: string
  folder: string
  /** PSR-4, whose folder stands for the prefix; with PSR-0 the path contains the prefix too. */
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
