import { basename, dirname } from 'node:path/posix'
import type { RepositorySnapshot } from '../records/index.js'
import { firstParagraph } from './outline-lines.js'
import { cutAtSentence, fold } from './prose.js'

type About = RepositorySnapshot['about']
type TextByPath = ReadonlyMap<string, string>

const MAX_SUMMARY_CHARS = 400

/** What the repository calls itself and says of itself; `name` is undefined where no manifest gives one. */
export function aboutRepository(files: TextByPath): { name: string | undefined; about: About } {
  const said = [fromPackageJson(files), fromPyproject(files), fromSetupCfg(files)]
  const first = <K extends keyof Said>(key: K): Said[K] | undefined => said.find((one) => one[key] !== undefined)?.[key]
  const readme = [...files.keys()].find((path) => /^readme(\.(md|markdown|rst|txt))?$/i.test(path))
  const readmeText = readme === undefined ? '' : (files.get(readme) as string)
  const name = first('name')
  return {
    name,
    about: {
      title: titleOf(readmeText) ?? name ?? '',
      summary: cutAtSentence(fold(first('summary') ?? firstParagraph(readmeText)), MAX_SUMMARY_CHARS),
      keywords: first('keywords') ?? [],
      license: first('license') ?? licenceByText(files),
    },
  }
}

interface Said {
  name?: string | undefined
  summary?: string | undefined
  keywords?: string[] | undefined
  license?: string | undefined
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined

const texts = (value: unknown): string[] | undefined => {
  const list = Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
  return list.length > 0 ? list : undefined
}

function fromPackageJson(files: TextByPath): Said {
  const manifest = readJsonObject(files.get('package.json'))
  return {
    name: text(manifest['name']),
    summary: text(manifest['description']),
    keywords: texts(manifest['keywords']),
    license: text(manifest['license']),
  }
}

function fromPyproject(files: TextByPath): Said {
  const content = files.get('pyproject.toml') ?? ''
  const read = (key: string): string | undefined =>
    tomlString(content, 'project', key) ?? tomlString(content, 'tool.poetry', key)
  return {
    name: read('name'),
    summary: read('description'),
    keywords: tomlStrings(content, 'project', 'keywords'),
    license: read('license'),
  }
}

function fromSetupCfg(files: TextByPath): Said {
  const section = /^\[metadata\]\s*$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(files.get('setup.cfg') ?? '')?.[1] ?? ''
  const read = (key: string): string | undefined =>
    text(new RegExp(`^${key}[ \\t]*=[ \\t]*(.*)$`, 'm').exec(section)?.[1])
  const keywords = read('keywords')
    ?.split(/[,\s]+/)
    .filter((word) => word !== '')
  return { name: read('name'), summary: read('description') ?? read('summary'), keywords, license: read('license') }
}

/** One string of one table; enough of TOML for the fields that describe a project. */
function tomlString(toml: string, table: string, key: string): string | undefined {
  const value = new RegExp(`^${key}[ \\t]*=[ \\t]*(.*)$`, 'm').exec(tomlTable(toml, table))?.[1] ?? ''
  const inline = /^\{.*\btext\s*=\s*(["'])(.*?)\1/.exec(value)
  return text(inline?.[2] ?? /^(["'])(.*?)\1/.exec(value)?.[2])
}

function tomlStrings(toml: string, table: string, key: string): string[] | undefined {
  const list = new RegExp(`^${key}[ \\t]*=[ \\t]*\\[([^\\]]*)\\]`, 'm').exec(tomlTable(toml, table))?.[1] ?? ''
  return texts([...list.matchAll(/(["'])(.*?)\1/g)].map((match) => match[2]))
}

function tomlTable(toml: string, table: string): string {
  const start = toml.split(/^(?=\[)/m).find((part) => part.startsWith(`[${table}]`))
  return start ?? ''
}

/** The first heading, if the README begins with one; further down headings are about parts. */
function titleOf(readme: string): string | undefined {
  const prose = readme.replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1.*$/gm, '')
  const top = prose.split('\n').slice(0, 25).join('\n')
  const heading =
    /^#\s+(.+)$/m.exec(top)?.[1] ??
    /^(\S[^\n]*)\n={3,}\s*$/m.exec(top)?.[1] ??
    /<h1[^>]*>([\s\S]*?)<\/h1>/i.exec(top)?.[1]
  const title = fold((heading ?? '').replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]*>|[`*]/g, ''))
  return title === '' || title.length > 100 ? undefined : title
}

const licenceTexts: readonly (readonly [RegExp, string])[] = [
  [/Apache License\s+Version 2\.0/, 'Apache-2.0'],
  [/GNU AFFERO GENERAL PUBLIC LICENSE/i, 'AGPL-3.0'],
  [/GNU LESSER GENERAL PUBLIC LICENSE/i, 'LGPL'],
  [/GNU GENERAL PUBLIC LICENSE/i, 'GPL'],
  [/Mozilla Public License/i, 'MPL-2.0'],
  [/\bISC License\b/i, 'ISC'],
  [/Neither the name of/i, 'BSD-3-Clause'],
  [/Redistribution and use in source and binary forms/i, 'BSD-2-Clause'],
  [/Permission is hereby granted, free of charge/i, 'MIT'],
]

function licenceByText(files: TextByPath): string {
  const path = [...files.keys()].find((one) => /^(licen[cs]e|copying)([.-].*)?$/i.test(one))
  const content = path === undefined ? '' : (files.get(path) as string)
  return licenceTexts.find(([pattern]) => pattern.test(content))?.[1] ?? ''
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

/** `baseUrl` and `paths` of a `tsconfig.json`, by the folder that it stands in. */
export interface PathMapping {
  folder: string
  baseUrl: string | undefined
  paths: [pattern: string, targets: string[]][]
}

export function pathMappings(files: TextByPath): PathMapping[] {
  return [...files].flatMap(([path, content]) => {
    if (!/^[jt]sconfig\.json$/.test(basename(path))) return []
    const options = readJsonObject(content)['compilerOptions'] as Record<string, unknown> | undefined
    const paths = Object.entries((options?.['paths'] as Record<string, unknown> | undefined) ?? {})
    return [
      {
        folder: folderOf(path),
        baseUrl: text(options?.['baseUrl']),
        paths: paths.map(([pattern, targets]): [string, string[]] => [pattern, texts(targets) ?? []]),
      },
    ]
  })
}

/** The folder of a path; empty for the root. */
export function folderOf(path: string): string {
  const folder = dirname(path)
  return folder === '.' ? '' : folder
}

/** JSON as tsconfig allows it: with comments and trailing commas. An empty object where it is not that. */
function readJsonObject(content: string | undefined): Record<string, unknown> {
  if (content === undefined) return {}
  const withoutComments = content.replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '$1')
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
