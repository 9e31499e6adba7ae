import { basename } from 'node:path/posix'
import { parse as parseToml } from 'smol-toml'
import { joinExpressions, readLicence, type ReadLicence } from './expression.js'

const MAX_NAMES = 16

/** What a manifest says of the licence; `null` where the file is no manifest or says nothing that can be read. */
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

/** Several licences in npm's, Composer's, RubyGems' and Maven's manifests are a choice. */
function anyOf(said: readonly unknown[]): ReadLicence | null {
  return joined(said, 'OR')
}

function joined(said: readonly unknown[], by: 'AND' | 'OR'): ReadLicence | null {
  const words = said.filter((one): one is string => typeof one === 'string').slice(0, MAX_NAMES)
  const read = words.map(readLicence)
  // One that cannot be read may be the one that forbids: then nothing is said of the whole.
  if (read.length === 0 || read.includes(null)) return null
  const all = read as ReadLicence[]
  return {
    expression: joinExpressions(
      all.map((one) => one.expression),
      by,
    ),
    exact: all.every((one) => one.exact),
  }
}

type Fields = Record<string, unknown>
const fieldsOf = (value: unknown): Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {}

function fromJson(text: string): ReadLicence | null {
  let manifest: Fields
  try {
    manifest = fieldsOf(JSON.parse(text.replace(/^\uFEFF/, '')))
  } catch {
    return null
  }
  // `{ "type": "MIT", "url": ... }` and lists of it are npm's older forms.
  const said = [manifest['license'] ?? manifest['licenses'] ?? []].flat()
  return anyOf(said.map((one) => (typeof one === 'string' ? one : (fieldsOf(one)['type'] ?? fieldsOf(one)['name']))))
}

/** Cargo.toml and pyproject.toml; of the latter also Poetry's table, the older table form and the classifiers. */
function fromToml(text: string): ReadLicence | null {
  let root: Fields
  try {
    root = parseToml(text) as Fields
  } catch {
    return null
  }
  const project = fieldsOf(root['project'])
  const tables = [
    fieldsOf(root['package']),
    fieldsOf(fieldsOf(root['workspace'])['package']),
    project,
    fieldsOf(fieldsOf(root['tool'])['poetry']),
  ]
  for (const table of tables) {
    const said = table['license']
    const read = anyOf([typeof said === 'string' ? said : fieldsOf(said)['text']])
    if (read !== null) return read
  }
  const classifiers = [project['classifiers'] ?? []].flat().filter((one): one is string => typeof one === 'string')
  const named = classifiers.filter((one) => one.startsWith('License :: ')).map((one) => one.split(' :: ').at(-1))
  // They do not say whether all hold or any: all is the careful reading.
  return joined(
    named.filter((one) => one !== 'OSI Approved'),
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

/** What stands in the first element of a name; enough of XML for a field of a manifest. */
function element(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`)
  const end = start < 0 ? -1 : xml.indexOf(`</${name}>`, start)
  return end < 0 ? undefined : xml.slice(start + name.length + 2, end).trim()
}

function elements(xml: string, name: string): string[] {
  const parts = xml.split(`<${name}>`, MAX_NAMES + 1).slice(1)
  return parts.map((part) => part.slice(0, Math.max(0, part.indexOf(`</${name}>`))).trim())
}
