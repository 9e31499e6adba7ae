import { basename } from 'node:path/posix'
import { readJsonObject } from './json-object.js'
import { textOf, textsOf, type ProjectFacts, type TextByPath } from './project-facts.js'
import { readToml, tableAt } from './toml.js'

/** How much of a build file the patterns read: the project's name stands at its top. */
const maxReadChars = 20_000

const beginningOfFile = (files: TextByPath, path: string): string => (files.get(path) ?? '').slice(0, maxReadChars)

function fromPackageJson(files: TextByPath): ProjectFacts {
  const manifest = readJsonObject(files.get('package.json'))
  return {
    name: textOf(manifest['name']),
    summary: textOf(manifest['description']),
    keywords: textsOf(manifest['keywords']),
  }
}

function fromSetupCfg(files: TextByPath): ProjectFacts {
  const section = /^\[metadata\]\s*$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(files.get('setup.cfg') ?? '')?.[1] ?? ''
  const read = (key: string): string | undefined =>
    textOf(new RegExp(`^${key}[ \\t]*=[ \\t]*(.*)$`, 'm').exec(section)?.[1])
  const keywords = read('keywords')
    ?.split(/[,\s]+/)
    .filter((word) => word !== '')
  return { name: read('name'), summary: read('description') ?? read('summary'), keywords }
}

function fromPyproject(files: TextByPath): ProjectFacts {
  const toml = readToml(files.get('pyproject.toml'))
  const project = tableAt(toml, 'project')
  const poetry = tableAt(toml, 'tool', 'poetry')
  const read = (key: string): string | undefined => textOf(project[key]) ?? textOf(poetry[key])
  return { name: read('name'), summary: read('description'), keywords: textsOf(project['keywords']) }
}

/** A published crate keeps the `Cargo.toml` that people wrote as `Cargo.toml.orig`. */
function fromCargo(files: TextByPath): ProjectFacts {
  const toml = readToml(files.get('Cargo.toml') ?? files.get('Cargo.toml.orig'))
  const shared = tableAt(toml, 'workspace', 'package')
  const own = tableAt(toml, 'package')
  return {
    name: textOf(own['name']),
    summary: textOf(own['description']) ?? textOf(shared['description']),
    keywords: textsOf(own['keywords']) ?? textsOf(shared['keywords']),
  }
}

/** The name is the last part of the module's path: `cobra` of `github.com/spf13/cobra/v2`. */
function fromGoMod(files: TextByPath): ProjectFacts {
  const module = /^module[ \t]+"?([^\s"]{1,300})/m.exec(files.get('go.mod') ?? '')?.[1]
  return { name: textOf(module?.replace(/\/v\d+$/, '').split('/').at(-1)) } // prettier-ignore
}

/** The name that Maven or Gradle has. Patterns are enough for one element, and no parser runs on hostile XML. */
function fromJavaBuild(files: TextByPath): ProjectFacts {
  const pom = files.get('pom.xml') ?? ''
  const parentEnd = pom.indexOf('</parent>')
  const own = pom.slice(parentEnd < 0 ? 0 : parentEnd)
  const head = own.slice(0, endOfHead(own))
  const gradle = files.get('settings.gradle') ?? files.get('settings.gradle.kts') ?? ''
  return {
    name:
      textOf(/<artifactId>([^<$]{1,200})<\/artifactId>/.exec(head)?.[1]) ??
      textOf(/^rootProject\.name\s{0,10}=\s{0,10}["']([^"'\n$]{1,200})["']/m.exec(gradle)?.[1]),
    summary: textOf(/<description>([^<$]{1,2000})<\/description>/.exec(head)?.[1]),
  }
}

/** The index at which a `pom.xml` starts to describe other projects. */
function endOfHead(pom: string): number {
  const at = pom.search(/<(dependencies|dependencyManagement|build|profiles|reporting)>/)
  return at < 0 ? pom.length : at
}

/** The name that the only project states, else that of the solution at the root, else that of the only project's file. */
function fromDotnet(files: TextByPath): ProjectFacts {
  const solution = [...files.keys()].find((path) => /^[^/]+\.slnx?$/i.test(path))
  const projects = [...files.keys()].filter((path) => /\.csproj$/i.test(path))
  const project = projects.length === 1 ? projects[0] : undefined
  const content = project === undefined ? '' : (files.get(project) ?? '')
  const stated = /<(PackageId|AssemblyName)>([^<$]{1,200})<\/\1>/.exec(content)?.[2]
  const file = solution ?? project
  return {
    name: textOf(stated) ?? (file === undefined ? undefined : basename(file).replace(/\.(slnx?|csproj)$/i, '')),
    summary: textOf(/<Description>([^<$]{1,2000})<\/Description>/.exec(content)?.[1]),
  }
}

function fromComposer(files: TextByPath): ProjectFacts {
  const manifest = readJsonObject(files.get('composer.json'))
  return {
    name: textOf(manifest['name']),
    summary: textOf(manifest['description']),
    keywords: textsOf(manifest['keywords']),
  }
}

/** Reads literals alone: a gemspec is a program, and no program of a repository is run. */
function fromGemspec(files: TextByPath): ProjectFacts {
  const path = [...files.keys()].find((candidate) => /^[^/]+\.gemspec$/.test(candidate))
  const content = path === undefined ? '' : beginningOfFile(files, path)
  const read = (key: string): string | undefined =>
    textOf(new RegExp(`\\.${key}[ \\t]{0,40}=[ \\t]{0,40}(["'])([^"'\\n#]{1,400})\\1`).exec(content)?.[2])
  return { name: read('name'), summary: read('summary') ?? read('description') }
}

function fromPackageSwift(files: TextByPath): ProjectFacts {
  const content = beginningOfFile(files, 'Package.swift')
  return { name: textOf(/\bPackage\(\s{0,40}name:\s{0,40}"([^"\n]{1,100})"/.exec(content)?.[1]) }
}

function fromCMake(files: TextByPath): ProjectFacts {
  const content = beginningOfFile(files, 'CMakeLists.txt')
  const project = /^[ \t]{0,8}project[ \t]{0,4}\(\s{0,20}"?([\w.+-]{1,100})([^)]{0,600})/im.exec(content)
  return {
    name: textOf(project?.[1]),
    summary: textOf(/\bDESCRIPTION\s{1,20}"([^"\n]{1,400})"/.exec(project?.[2] ?? '')?.[1]),
  }
}

function fromMeson(files: TextByPath): ProjectFacts {
  const content = beginningOfFile(files, 'meson.build')
  return { name: textOf(/^project\(\s{0,20}'([^'\n]{1,100})'/m.exec(content)?.[1]) }
}

/** One reader for each kind of manifest. The first that states a fact decides it. */
export const manifestReaders: readonly ((files: TextByPath) => ProjectFacts)[] = [
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
