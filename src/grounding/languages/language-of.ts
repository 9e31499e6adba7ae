import { basename, extname } from 'node:path/posix'
import type { Language } from '../../records/index.js'

const languageByExtension: Readonly<Record<string, Language>> = {
  '.ts': 'typescript',
  '.mts': 'typescript',
  '.cts': 'typescript',
  '.tsx': 'tsx',
  '.js': 'javascript',
  '.mjs': 'javascript',
  '.cjs': 'javascript',
  '.jsx': 'javascript',
  '.py': 'python',
  '.pyi': 'python',
  '.go': 'go',
  '.rs': 'rust',
  '.java': 'java',
  '.c': 'c',
  '.h': 'c',
  '.cc': 'cpp',
  '.cpp': 'cpp',
  '.cxx': 'cpp',
  '.hh': 'cpp',
  '.hpp': 'cpp',
  '.hxx': 'cpp',
  '.ipp': 'cpp',
  '.inl': 'cpp',
  '.cs': 'csharp',
  '.rb': 'ruby',
  '.rake': 'ruby',
  '.gemspec': 'ruby',
  '.php': 'php',
  '.swift': 'swift',
}

const manifestNames = new Set([
  'package.json',
  'pyproject.toml',
  'setup.cfg',
  'pipfile',
  'requirements.txt',
  'deno.json',
  'cargo.toml',
  'go.mod',
  'go.work',
  'pom.xml',
  'build.gradle',
  'build.gradle.kts',
  'settings.gradle',
  'settings.gradle.kts',
  'directory.build.props',
  'composer.json',
  'gemfile',
  'package.swift',
  'cmakelists.txt',
  'meson.build',
])

/** The language by the file's name; `text` for all that has no grammar here. */
export function languageOf(path: string): Language {
  return languageByExtension[extname(path).toLowerCase()] ?? 'text'
}

/** Whether a file says what the project is and needs; such files are written first. */
export function isManifest(path: string): boolean {
  const name = basename(path).toLowerCase()
  return manifestNames.has(name) || /^[jt]sconfig(\..+)?\.json$|\.(csproj|slnx?|gemspec)$/.test(name)
}

export const isDeclarationFile = (path: string): boolean => /\.d(\.[^./]+)?\.[cm]?ts$/.test(path)

/** The path without its extension; `.d.ts` and its like count as one. */
export function stemOf(path: string): string {
  return path.replace(/\.d\.[cm]?ts$/, '').replace(/\.[^./]+$/, '')
}

/** Code-unit order, the order of paths everywhere in a snapshot. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
