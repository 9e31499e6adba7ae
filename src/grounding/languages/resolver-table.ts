import { cResolver } from '../resolve-c.js'
import { csharpResolver } from '../resolve-csharp.js'
import { goResolver } from '../resolve-go.js'
import { javaResolver } from '../resolve-java.js'
import { phpResolver } from '../resolve-php.js'
import { pythonResolver } from '../resolve-python.js'
import { rustResolver } from '../resolve-rust.js'
import { rubyResolver } from '../resolve-ruby.js'
import { scriptResolver } from '../resolve-script.js'
import { swiftResolver } from '../resolve-swift.js'
import type { ResolveContext, Resolver } from './language-support.js'
import type { SourceLanguage } from './language-table.js'

type Family = 'script' | 'python' | 'go' | 'rust' | 'java' | 'csharp' | 'c' | 'ruby' | 'php' | 'swift'

/** Languages that import each other have one resolver. */
const families: Partial<Record<SourceLanguage, Family>> = {
  typescript: 'script',
  tsx: 'script',
  javascript: 'script',
  python: 'python',
  go: 'go',
  rust: 'rust',
  java: 'java',
  csharp: 'csharp',
  c: 'c',
  cpp: 'c',
  ruby: 'ruby',
  php: 'php',
  swift: 'swift',
}

const makers: Record<Family, (context: ResolveContext) => Resolver> = {
  script: scriptResolver,
  python: pythonResolver,
  go: goResolver,
  rust: rustResolver,
  java: javaResolver,
  csharp: csharpResolver,
  c: cResolver,
  ruby: rubyResolver,
  php: phpResolver,
  swift: swiftResolver,
}

/** The resolver of each language, made when the first file asks for it; `undefined` where none is known. */
export function resolversFor(context: ResolveContext): (language: SourceLanguage) => Resolver | undefined {
  const made = new Map<Family, Resolver>()
  return (language) => {
    const family = families[language]
    if (family === undefined) return undefined
    const resolver = made.get(family) ?? makers[family](context)
    made.set(family, resolver)
    return resolver
  }
}
