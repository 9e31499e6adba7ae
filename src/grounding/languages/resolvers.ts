import { cResolver } from './c/resolve.js'
import { csharpResolver } from './csharp/resolve.js'
import { goResolver } from './go/resolve.js'
import { javaResolver } from './java/resolve.js'
import { phpResolver } from './php/resolve.js'
import { pythonResolver } from './python/resolve.js'
import { rustResolver } from './rust/resolve.js'
import { rubyResolver } from './ruby/resolve.js'
import { scriptResolver } from './script/resolve.js'
import { swiftResolver } from './swift/resolve.js'
import type { ResolveContext, Resolver } from './support.js'
import type { SourceLanguage } from './table.js'

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
