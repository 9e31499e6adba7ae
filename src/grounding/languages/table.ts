import { cResolver } from './c/resolve.js'
import { cppSupport, cSupport } from './c/support.js'
import { csharpResolver } from './csharp/resolve.js'
import { csharpSupport } from './csharp/support.js'
import { goResolver } from './go/resolve.js'
import { goSupport } from './go/support.js'
import { javaResolver } from './java/resolve.js'
import { javaSupport } from './java/support.js'
import { phpResolver } from './php/resolve.js'
import { phpSupport } from './php/support.js'
import { pythonResolver } from './python/resolve.js'
import { pythonSupport } from './python/support.js'
import type { ResolveContext, Resolver } from './resolver.js'
import { rubyResolver } from './ruby/resolve.js'
import { rubySupport } from './ruby/support.js'
import { rustResolver } from './rust/resolve.js'
import { rustSupport } from './rust/support.js'
import { scriptResolver } from './script/resolve.js'
import { scriptSupport } from './script/support.js'
import type { LanguageSupport } from './support.js'
import { swiftResolver } from './swift/resolve.js'
import { swiftSupport } from './swift/support.js'

/** All that the program knows of a language. */
interface LanguageRow {
  /** Endings of file names with their dot, in lower case; each belongs to one language. */
  extensions: readonly string[]
  /** Names in lower case of files that describe a project of the language; such files are written first. */
  manifests: readonly (string | RegExp)[]
  support: LanguageSupport
  /** Languages that import each other have the same one. Without it, imports of the language are not recorded. */
  resolver?: (context: ResolveContext) => Resolver
}

const scriptManifests = ['package.json', 'deno.json', /^[jt]sconfig(\..+)?\.json$/]
const cManifests = ['cmakelists.txt', 'meson.build']

/**
 * One row for each language, by the name that records have. To add a language: a folder beside this file, and a row.
 * Reports list languages in this order. Checks of debugging episodes that want more of a language have tables of their
 * own in `synthesis/debugging`; a language that is not in those is not checked.
 */
const languageTable = {
  typescript: {
    extensions: ['.ts', '.mts', '.cts'],
    manifests: scriptManifests,
    support: scriptSupport('typescript'),
    resolver: scriptResolver,
  },
  tsx: {
    extensions: ['.tsx'],
    manifests: scriptManifests,
    support: scriptSupport('tsx'),
    resolver: scriptResolver,
  },
  javascript: {
    extensions: ['.js', '.mjs', '.cjs', '.jsx'],
    manifests: scriptManifests,
    support: scriptSupport('javascript'),
    resolver: scriptResolver,
  },
  python: {
    extensions: ['.py', '.pyi'],
    manifests: ['pyproject.toml', 'setup.cfg', 'pipfile', 'requirements.txt'],
    support: pythonSupport,
    resolver: pythonResolver,
  },
  go: {
    extensions: ['.go'],
    manifests: ['go.mod', 'go.work'],
    support: goSupport,
    resolver: goResolver,
  },
  rust: {
    extensions: ['.rs'],
    manifests: ['cargo.toml'],
    support: rustSupport,
    resolver: rustResolver,
  },
  java: {
    extensions: ['.java'],
    manifests: ['pom.xml', 'build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts'],
    support: javaSupport,
    resolver: javaResolver,
  },
  // A `.h` may be C++: `c/header-language.ts` decides for each repository.
  c: {
    extensions: ['.c', '.h'],
    manifests: cManifests,
    support: cSupport,
    resolver: cResolver,
  },
  cpp: {
    extensions: ['.cc', '.cpp', '.cxx', '.hh', '.hpp', '.hxx', '.ipp', '.inl'],
    manifests: cManifests,
    support: cppSupport,
    resolver: cResolver,
  },
  csharp: {
    extensions: ['.cs'],
    manifests: ['directory.build.props', /\.(csproj|slnx?)$/],
    support: csharpSupport,
    resolver: csharpResolver,
  },
  ruby: {
    extensions: ['.rb', '.rake', '.gemspec'],
    manifests: ['gemfile', /\.gemspec$/],
    support: rubySupport,
    resolver: rubyResolver,
  },
  php: {
    extensions: ['.php'],
    manifests: ['composer.json'],
    support: phpSupport,
    resolver: phpResolver,
  },
  swift: {
    extensions: ['.swift'],
    manifests: ['package.swift'],
    support: swiftSupport,
    resolver: swiftResolver,
  },
} satisfies Record<string, LanguageRow>

/** A language with a grammar. */
export type SourceLanguage = keyof typeof languageTable

/** A language as file records have it: `text` is everything without a grammar. */
export type Language = SourceLanguage | 'text'

/** Every language, in the order of the table. */
export const languages: readonly Language[] = [...(Object.keys(languageTable) as SourceLanguage[]), 'text']

export const rowOf = (language: SourceLanguage): LanguageRow => languageTable[language]
