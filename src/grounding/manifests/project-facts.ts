import { basename } from 'node:path/posix'
import { readToml, tableAt } from './toml.js'

type TextByPath = ReadonlyMap<string, string>

/** What one manifest says of the project. */
export interface ProjectFacts {
  name?: string | undefined
  summary?: string | undefined
  keywords?: string[] | undefined
}

export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined

export const texts = (value: unknown): string[] | undefined => {
  const list = Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
  return list.length > 0 ? list : undefined
}

export function fromPyproject(files: TextByPath): ProjectFacts {
  const toml = readToml(files.get('pyproject.toml'))
  const project = tableAt(toml, 'project')
  const poetry = tableAt(toml, 'tool', 'poetry')
  const read = (key: string): string | undefined => text(project[key]) ?? text(poetry[key])
  return { name: read('name'), summary: read('description'), keywords: texts(project['keywords']) }
}

/** A published crate has the `Cargo.toml` that was written under another name. */
export function fromCargo(files: TextByPath): ProjectFacts {
  const toml = readToml(files.get('Cargo.toml') ?? files.get('Cargo.toml.orig'))
  const shared = tableAt(toml, 'workspace', 'package')
  const own = tableAt(toml, 'package')
  return {
    name: text(own['name']),
    summary: text(own['description']) ?? text(shared['description']),
    keywords: texts(own['keywords']) ?? texts(shared['keywords']),
  }
}

/** The last part of the module's path: `cobra` of `github.com/spf13/cobra/v2`. */
export function fromGoMod(files: TextByPath): ProjectFacts {
  const module = /^module[ \t]+"?([^\s"]{1,300})/m.exec(files.get('go.mod') ?? '')?.[1]
  return { name: text(module?.replace(/\/v\d+$/, '').split('/').at(-1)) } // prettier-ignore
}

/** Maven's or Gradle's name; a pattern is enough for one element, and no parser runs on hostile XML. */
export function fromJavaBuild(files: TextByPath): ProjectFacts {
  const pom = files.get('pom.xml') ?? ''
  const parentEnd = pom.indexOf('</parent>')
  const own = pom.slice(parentEnd < 0 ? 0 : parentEnd)
  const head = own.slice(0, endOfHead(own))
  const gradle = files.get('settings.gradle') ?? files.get('settings.gradle.kts') ?? ''
  return {
    name:
      text(/<artifactId>([^<$]{1,200})<\/artifactId>/.exec(head)?.[1]) ??
      text(/^rootProject\.name\s{0,10}=\s{0,10}["']([^"'\n$]{1,200})["']/m.exec(gradle)?.[1]),
    summary: text(/<description>([^<$]{1,2000})<\/description>/.exec(head)?.[1]),
  }
}

/** Where a `pom.xml` begins to speak of others. */
function endOfHead(pom: string): number {
  const at = pom.search(/<(dependencies|dependencyManagement|build|profiles|reporting)>/)
  return at < 0 ? pom.length : at
}

/** The solution at the root, or the only project there is. */
export function fromDotnet(files: TextByPath): ProjectFacts {
  const solution = [...files.keys()].find((path) => /^[^/]+\.slnx?$/i.test(path))
  const projects = [...files.keys()].filter((path) => /\.csproj$/i.test(path))
  const project = projects.length === 1 ? projects[0] : undefined
  const content = project === undefined ? '' : (files.get(project) ?? '')
  const said = /<(PackageId|AssemblyName)>([^<$]{1,200})<\/\1>/.exec(content)?.[2]
  const named = [solution, project].find((path) => path !== undefined)
  return {
    name: text(said) ?? (named === undefined ? undefined : basename(named).replace(/\.(slnx?|csproj)$/i, '')),
    summary: text(/<Description>([^<$]{1,2000})<\/Description>/.exec(content)?.[1]),
  }
}
