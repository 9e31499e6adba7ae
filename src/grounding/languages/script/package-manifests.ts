import { basename } from 'node:path/posix'
import { readJsonObject } from '../../manifests/json-object.js'
import { textOf } from '../../manifests/project-facts.js'
import { folderOf } from '../paths.js'

/** The parts of a `package.json` that decide where imports lead. */
export interface PackageManifest {
  folder: string
  name: string | undefined
  exports: unknown
  imports: unknown
  main: string | undefined
}

export function packageManifests(files: ReadonlyMap<string, string>): PackageManifest[] {
  return [...files].flatMap(([path, content]) => {
    if (basename(path) !== 'package.json') return []
    const json = readJsonObject(content)
    const main = textOf(json['source']) ?? textOf(json['module']) ?? textOf(json['main'])
    return [
      { folder: folderOf(path), name: textOf(json['name']), exports: json['exports'], imports: json['imports'], main },
    ]
  })
}
