import { basename } from 'node:path/posix'
import { objectOf } from '../manifests/json-object.js'
import { readToml, tableAt } from '../manifests/toml.js'
import { joinExpressions, readLicence, type ReadLicence } from './expression.js'

const maxNames = 16

/** The licence that a manifest states; `null` where the file is no manifest, or states none that can be read. */
export function licenceInManifest(path: string, text: string): ReadLicence | null {
  const name = basename(path).toLowerCase()
  if (name === 'package.json' || name === 'composer.json') return fromJson(text)
  if (name === 'cargo.toml' || name === 'pyproject.toml') return fromToml(text)
  if (name === 'setup.cfg') return anyOf([/^license[ \t]{0,20}=[ \t]{0,20}(\S[^\n]{0,200})$/m.exec(text)?.[1]])
  if (name.endsWith('.gemspec')) return fromGemspec(text)
  if (name === 'pom.xml') return anyOf(elements(element(text, 'licenses') ?? '', 'name'))
  if (name.endsWith('.nuspec')) return anyOf([/<license type="expression">([^<]{1,300})<\/license>/.exec(text)?.[1]])
  if (/\.(?:cs|fs|vb)proj$/.test(name)) return anyOf([element(text, 'PackageLicenseExpression')])
  return null
}

export function isLicenceManifest(path: string): boolean {
  return /^(?:package\.json|composer\.json|cargo\.toml|pyproject\.toml|setup\.cfg|pom\.xml|.{1,100}\.(?:gemspec|nuspec|csproj|fsproj|vbproj))$/i.test(
    basename(path),
  )
}

/** Several licences in the manifests of npm, Composer, RubyGems and Maven are a choice. */
function anyOf(names: readonly unknown[]): ReadLicence | null {
  return joined(names, 'OR')
}

function joined(names: readonly unknown[], by: 'AND' | 'OR'): ReadLicence | null {
  const words = names.filter((name) => typeof name === 'string').slice(0, maxNames)
  const licences = words.flatMap((name) => readLicence(name) ?? [])
  // A licence that cannot be read may be the one that forbids, so nothing is known of the whole.
  if (licences.length === 0 || licences.length < words.length) return null
  const expressions = licences.map((licence) => licence.expression)
  return { expression: joinExpressions(expressions, by), exact: licences.every((licence) => licence.exact) }
}

function fromJson(text: string): ReadLicence | null {
  let manifest: Record<string, unknown>
  try {
    manifest = objectOf(JSON.parse(text.replace(/^\uFEFF/, '')))
  } catch {
    return null
  }
  // `{ "type": "MIT", "url": ... }` and lists of such objects are older forms of npm.
  const stated = [manifest['license'] ?? manifest['licenses'] ?? []].flat()
  return anyOf(
    stated.map((entry) => (typeof entry === 'string' ? entry : (objectOf(entry)['type'] ?? objectOf(entry)['name']))),
  )
}

/** Cargo.toml and pyproject.toml; of the latter also Poetry's table, the older table form and the classifiers. */
function fromToml(text: string): ReadLicence | null {
  const root = readToml(text)
  const project = tableAt(root, 'project')
  const tables = [
    tableAt(root, 'package'),
    tableAt(root, 'workspace', 'package'),
    project,
    tableAt(root, 'tool', 'poetry'),
  ]
  for (const table of tables) {
    const stated = table['license']
    const licence = anyOf([typeof stated === 'string' ? stated : objectOf(stated)['text']])
    if (licence !== null) return licence
  }
  const classifiers = [project['classifiers'] ?? []].flat().filter((classifier) => typeof classifier === 'string')
  const names = classifiers.filter((name) => name.startsWith('License :: ')).map((name) => name.split(' :: ').at(-1))
  // Classifiers do not state whether all licences hold or any; all is the careful reading.
  return joined(
    names.filter((name) => name !== 'OSI Approved'),
    'AND',
  )
}

function fromGemspec(text: string): ReadLicence | null {
  const value = /\.licenses?[ \t]{0,20}=[ \t]{0,20}(\[[^\]]{0,300}\]|%w\[[^\]]{0,300}\]|["'][^"'\n]{1,200}["'])/.exec(
    text,
  )?.[1]
  if (value === undefined) return null
  if (value.startsWith('%w')) return anyOf(value.slice(3, -1).split(/\s+/).filter(Boolean))
  return anyOf([...value.matchAll(/["']([^"'\n]{1,200})["']/g)].map((match) => match[1]))
}

/** The content of the first element of a name; this much XML is enough for a field of a manifest. */
function element(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`)
  const end = start < 0 ? -1 : xml.indexOf(`</${name}>`, start)
  return end < 0 ? undefined : xml.slice(start + name.length + 2, end).trim()
}

function elements(xml: string, name: string): string[] {
  const parts = xml.split(`<${name}>`, maxNames + 1).slice(1)
  return parts.map((part) => part.slice(0, Math.max(0, part.indexOf(`</${name}>`))).trim())
}
