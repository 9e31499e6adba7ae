import { readJsonObject } from './about-repository.js'
import { text, texts, type ProjectFacts } from './project-facts.js'

type TextByPath = ReadonlyMap<string, string>

/** As much of a build file as patterns look at: it names its project at the top. */
const MAX_READ_CHARS = 20_000

const beginningOfFile = (files: TextByPath, path: string): string => (files.get(path) ?? '').slice(0, MAX_READ_CHARS)

export function fromComposer(files: TextByPath): ProjectFacts {
  const manifest = readJsonObject(files.get('composer.json'))
  return { name: text(manifest['name']), summary: text(manifest['description']), keywords: texts(manifest['keywords']) }
}

/** Only literals: a gemspec is a program, and nothing of a repository is run. */
export function fromGemspec(files: TextByPath): ProjectFacts {
  const path = [...files.keys()].find((one) => /^[^/]+\.gemspec$/.test(one))
  const content = path === undefined ? '' : beginningOfFile(files, path)
  const read = (key: string): string | undefined =>
    text(new RegExp(`\\.${key}[ \\t]{0,40}=[ \\t]{0,40}(["'])([^"'\\n#]{1,400})\\1`).exec(content)?.[2])
  return { name: read('name'), summary: read('summary') ?? read('description') }
}

export function fromPackageSwift(files: TextByPath): ProjectFacts {
  const content = beginningOfFile(files, 'Package.swift')
  return { name: text(/\bPackage\(\s{0,40}name:\s{0,40}"([^"\n]{1,100})"/.exec(content)?.[1]) }
}

export function fromCMake(files: TextByPath): ProjectFacts {
  const content = beginningOfFile(files, 'CMakeLists.txt')
  const project = /^[ \t]{0,8}project[ \t]{0,4}\(\s{0,20}"?([\w.+-]{1,100})([^)]{0,600})/im.exec(content)
  return {
    name: text(project?.[1]),
    summary: text(/\bDESCRIPTION\s{1,20}"([^"\n]{1,400})"/.exec(project?.[2] ?? '')?.[1]),
  }
}

export function fromMeson(files: TextByPath): ProjectFacts {
  const content = beginningOfFile(files, 'meson.build')
  return { name: text(/^project\(\s{0,20}'([^'\n]{1,100})'/m.exec(content)?.[1]) }
}
