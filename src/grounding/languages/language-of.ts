import { basename, extname } from 'node:path/posix'
import { languages, rowOf, type Language } from './table.js'

const rows = languages.flatMap((language) => (language === 'text' ? [] : [{ language, ...rowOf(language) }]))

const languageByExtension: ReadonlyMap<string, Language> = new Map(
  rows.flatMap(({ language, extensions }) => extensions.map((extension) => [extension, language] as const)),
)

const manifests = rows.flatMap((row) => row.manifests)
const manifestNames = new Set(manifests.filter((manifest) => typeof manifest === 'string'))
const manifestPatterns = manifests.filter((manifest) => typeof manifest !== 'string')

/** The language by the file's name; `text` where no language has its extension. */
export function languageOf(path: string): Language {
  return languageByExtension.get(extname(path).toLowerCase()) ?? 'text'
}

/** Whether a file describes a project and what it needs. */
export function isManifest(path: string): boolean {
  const name = basename(path).toLowerCase()
  return manifestNames.has(name) || manifestPatterns.some((pattern) => pattern.test(name))
}
