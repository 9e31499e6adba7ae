import { basename, dirname } from 'node:path/posix'
import type { RepositorySnapshot } from '../../records/index.js'
import { firstParagraph } from '../outline/lines.js'
import {
  fromCargo,
  fromDotnet,
  fromGoMod,
  fromJavaBuild,
  fromPyproject,
  text,
  texts,
  type ProjectFacts,
} from './project-facts.js'
import { fromCMake, fromComposer, fromGemspec, fromMeson, fromPackageSwift } from './project-facts-native.js'
import { cutAtSentence, fold } from '../outline/prose.js'

type About = RepositorySnapshot['about']
type TextByPath = ReadonlyMap<string, string>

const MAX_SUMMARY_CHARS = 400
const MAX_README_LINE_CHARS = 1_000

/** What the repository calls itself and says of itself; `name` is undefined where no manifest gives one. */
export function aboutRepository(files: TextByPath): { name: string | undefined; about: About } {
  const said = readers.map((read) => read(files))
  const first = <K extends keyof ProjectFacts>(key: K): ProjectFacts[K] | undefined =>
    said.find((one) => one[key] !== undefined)?.[key]
  const readme = [...files.keys()].find((path) => /^readme(\.(md|markdown|rst|txt))?$/i.test(path))
  const readmeText = readme === undefined ? '' : (files.get(readme) as string)
  const name = first('name')
  return {
    name,
    about: {
      title: titleOf(readmeText) ?? name ?? '',
      summary: cutAtSentence(fold(first('summary') ?? firstParagraph(readmeText)), MAX_SUMMARY_CHARS),
      keywords: first('keywords') ?? [],
    },
  }
}

function fromPackageJson(files: TextByPath): ProjectFacts {
  const manifest = readJsonObject(files.get('package.json'))
  return {
    name: text(manifest['name']),
    summary: text(manifest['description']),
    keywords: texts(manifest['keywords']),
  }
}

function fromSetupCfg(files: TextByPath): ProjectFacts {
  const section = /^\[metadata\]\s*$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(files.get('setup.cfg') ?? '')?.[1] ?? ''
  const read = (key: string): string | undefined =>
    text(new RegExp(`^${key}[ \\t]*=[ \\t]*(.*)$`, 'm').exec(section)?.[1])
  const keywords = read('keywords')
    ?.split(/[,\s]+/)
    .filter((word) => word !== '')
  return { name: read('name'), summary: read('description') ?? read('summary'), keywords }
}

/** The first manifest that says a thing decides. */
const readers = [
  fromPackageJson,
  fromPyproject,
  fromSetupCfg,
  fromCargo,
  fromGoMod,
  fromJavaBuild,
  fromDotnet,
  fromComposer,
  fromGemspec,
  fromPackageSwift,
  fromCMake,
  fromMeson,
]

/** The first heading, if the README begins with one; further down headings are about parts. */
function titleOf(readme: string): string | undefined {
  const prose = readme.replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1.*$/gm, '')
  // The patterns below are quadratic in what they look at, so that is bounded.
  const lines = prose.split('\n', 25).map((line) => line.slice(0, MAX_README_LINE_CHARS))
  const top = lines.join('\n')
  const heading =
    /^#\s+(.+)$/m.exec(top)?.[1] ??
    /^(\S[^\n]*)\n={3,}\s*$/m.exec(top)?.[1] ??
    /<h1[^>]*>([\s\S]*?)<\/h1>/i.exec(top)?.[1]
  const title = fold(
    (heading ?? '')
      .slice(0, MAX_README_LINE_CHARS)
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/<[^>]*>|[`*]/g, ''),
  )
  return title === '' || title.length > 100 ? undefined : title
}

/** What import resolution needs of a `package.json`, by the folder that it stands in. */
export interface PackageManifest {
  folder: string
  name: string | undefined
  exports: unknown
  imports: unknown
  main: string | undefined
}

export function packageManifests(files: TextByPath): PackageManifest[] {
  return [...files].flatMap(([path, content]) => {
    if (basename(path) !== 'package.json') return []
    const json = readJsonObject(content)
    const main = text(json['source']) ?? text(json['module']) ?? text(json['main'])
    return [
      { folder: folderOf(path), name: text(json['name']), exports: json['exports'], imports: json['imports'], main },
    ]
  })
}

/** The folder of a path; empty for the root, also for that of an absolute path, so that no walk upwards is endless. */
export function folderOf(path: string): string {
  const folder = dirname(path)
  return folder === '.' || folder === '/' ? '' : folder
}

/** JSON as tsconfig allows it: with comments and trailing commas. An empty object where it is not that. */
export function readJsonObject(content: string | undefined): Record<string, unknown> {
  if (content === undefined) return {}
  const withoutComments = content.replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))/g, '$1')
  const withoutCommas = withoutComments.replace(/("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])/g, '$1')
  try {
    const value: unknown = JSON.parse(withoutCommas.replace(/^\uFEFF/, ''))
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {}
  } catch {
    return {}
  }
}
