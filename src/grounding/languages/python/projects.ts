import { basename, join, normalize } from 'node:path/posix'
import { folderOf } from '../paths.js'

/** A folder that is installed by itself; a repository may have several. Paths are relative to the repository's root. */
export interface PythonProject {
  folder: string
  /** Folders with its packages, the most likely first. */
  roots: string[]
  /** Packages whose folder has another name, by the name under which they are imported. */
  renamed: [name: string, folder: string][]
}

const maxReadChars = 64 * 1024

/** Reads pyproject.toml, setup.cfg and setup.py as text; runs nothing. The deepest project comes first. */
export function pythonProjects(texts: ReadonlyMap<string, string>): PythonProject[] {
  const projects = new Map<string, PythonProject>()
  for (const [path, whole] of texts) {
    if (!/^(pyproject\.toml|setup\.cfg|setup\.py)$/.test(basename(path))) continue
    const folder = folderOf(path)
    const text = whole.slice(0, maxReadChars)
    const project = projects.get(folder) ?? { folder, roots: [], renamed: [] }
    projects.set(folder, project)
    const at = (relative: string): string =>
      normalize(join(folder === '' ? '.' : folder, relative)).replace(/^\.$|\/$/, '')
    project.roots.push(...sourceFolders(text).map(at))
    project.renamed.push(...renamedPackages(text).map(([name, target]): [string, string] => [name, at(target)]))
  }
  for (const project of projects.values()) {
    const usual = ['', 'src', 'lib', 'python']
      .map((folder) => join(project.folder, folder))
      .map((folder) => folder.replace(/^\.$|\/$/, ''))
    project.roots = [...new Set([...project.roots, ...usual])].filter((root) => !root.startsWith('..'))
  }
  return [...projects.values()].sort((a, b) => b.folder.length - a.folder.length)
}

/** The ways in which setuptools, Poetry and similar tools name the folder with the packages. */
const folderPatterns: readonly RegExp[] = [
  // where = ["src"], find_packages(where="src"), { include = "x", from = "lib" }
  /\b(?:where|from)[ \t]{0,8}=[ \t]{0,8}\[?[ \t]{0,8}["']([\w./-]{1,80})["']/g,
  // find_packages("src")
  /\bfind_(?:namespace_)?packages\(\s{0,20}["']([\w./-]{1,80})["']/g,
  // package_dir = {"": "src"}, package-dir = {"" = "src"}, or a separate table with "" = "src"
  /["']{2}[ \t]{0,8}[:=][ \t]{0,8}["']([\w./-]{1,80})["']/g,
  // setup.cfg: where = src, and = src below package_dir
  /^where[ \t]{0,8}=[ \t]{0,8}([\w./-]{1,80})[ \t]{0,8}$/gm,
  /^package_dir[ \t]{0,8}=[ \t]{0,8}\n?[ \t]{0,8}=[ \t]{0,8}([\w./-]{1,80})[ \t]{0,8}$/gm,
]

const sourceFolders = (text: string): string[] =>
  folderPatterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] as string))

/** `package_dir={"name": "folder"}`, as Python and TOML write it. */
function renamedPackages(text: string): [name: string, folder: string][] {
  const tables = text.matchAll(/\bpackage[_-]dir[ \t]{0,8}(?:=[ \t]{0,8}\{([^}]{0,1000})\}|\]\s{0,8}\n([^[]{0,1000}))/g)
  return [...tables].flatMap((table) =>
    [
      ...(table[1] ?? table[2] ?? '').matchAll(
        /["']?(\b[\w.]{1,80})["']?[ \t]{0,8}[:=][ \t]{0,8}["']([\w./-]{1,80})["']/g,
      ),
    ].map((match): [string, string] => [match[1] as string, match[2] as string]),
  )
}
