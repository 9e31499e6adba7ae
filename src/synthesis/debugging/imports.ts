import { languageOf, parseFile, resolversFor, type ParsedFile } from '../../grounding/index.js'
import type { ImportRecord } from '../../records/index.js'
import type { Disk } from '../disk.js'
import type { FileExports } from './file-exports.js'
import type { DeclaredFunction } from './functions.js'
import { importedNames, type Names } from './names.js'
import type { Source } from './source.js'

/** A longer file is not read: manifests are short. */
const maxManifestBytes = 200_000

/** The imports of a file, resolved to written files. */
export async function resolveImports(source: Source, disk: Disk): Promise<ImportRecord[]> {
  const parsed = await parse(source.path, source.text)
  const parsedFiles = new Map<string, ParsedFile>([[source.path, parsed]])
  const texts = textsOf(disk)
  const resolver = resolversFor({ texts, parsed: parsedFiles, packageName: '', skipped: [] })(source.language)
  return resolver === undefined ? [] : parsed.imports.flatMap((raw) => resolver.resolve(source.path, raw))
}

function parse(path: string, text: string): Promise<ParsedFile> {
  return parseFile({ path, language: languageOf(path), text, maxParseChars: Infinity, maxOutlineDepth: 1 })
}

/** What a resolver needs: all paths, and the text of manifests. */
function textsOf(disk: Disk): Map<string, string> {
  return new Map(
    [...disk.paths()].sort().map((path) => {
      const bytes =
        languageOf(path) === 'text' &&
        /\.(json|jsonc|toml|mod|work|cfg|xml|gradle|csproj|sln|props|cmake)$|^[^.]*$/i.test(path)
          ? disk.get(path)
          : undefined
      return [path, bytes === undefined || bytes.length > maxManifestBytes ? '' : Buffer.from(bytes).toString('utf8')]
    }),
  )
}

/** The functions that a file imports by name, by their local name. */
export function importedFunctions(
  source: Source,
  names: Names | null,
  imports: readonly ImportRecord[],
  exports: ReadonlyMap<string, FileExports>,
): Map<string, DeclaredFunction> {
  const functions = new Map<string, DeclaredFunction>()
  for (const { local, imported, specifier } of importedNames(source)) {
    const record = imports.find((candidate) => candidate.specifier === specifier && candidate.names.includes(imported))
    const exported = record?.target.kind === 'file' ? exports.get(record.target.path) : undefined
    const declared = exported?.functions.get(imported)
    if (declared !== undefined && names?.declared.get(local) === 1) {
      functions.set(local, { ...declared, name: local })
    }
  }
  return functions
}
