import type { Language } from '../../records/index.js'
import { cSupport } from './c/support.js'
import { cppSupport } from './c/support-cpp.js'
import { csharpSupport } from './csharp/support.js'
import { goSupport } from './go/support.js'
import { javaSupport } from './java/support.js'
import type { LanguageSupport } from './support.js'
import { phpSupport } from './php/support.js'
import { pythonSupport } from './python/support.js'
import { rustSupport } from './rust/support.js'
import { rubySupport } from './ruby/support.js'
import { scriptSupport } from './script/support.js'
import { swiftSupport } from './swift/support.js'

export type SourceLanguage = Exclude<Language, 'text'>

/** A language that is not in the table keeps line outlines. */
const supports: Partial<Record<SourceLanguage, LanguageSupport>> = {
  typescript: scriptSupport('typescript'),
  tsx: scriptSupport('tsx'),
  javascript: scriptSupport('javascript'),
  python: pythonSupport,
  go: goSupport,
  rust: rustSupport,
  java: javaSupport,
  csharp: csharpSupport,
  c: cSupport,
  cpp: cppSupport,
  ruby: rubySupport,
  php: phpSupport,
  swift: swiftSupport,
}

export function supportOf(language: SourceLanguage): LanguageSupport | undefined {
  return supports[language]
}
