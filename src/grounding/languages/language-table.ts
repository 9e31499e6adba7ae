import type { Language } from '../../records/index.js'
import { cSupport } from './c.js'
import { cppSupport } from './cpp.js'
import { csharpSupport } from './csharp.js'
import { goSupport } from './go.js'
import { javaSupport } from './java.js'
import type { LanguageSupport } from './language-support.js'
import { phpSupport } from './php.js'
import { pythonSupport } from './python.js'
import { rustSupport } from './rust.js'
import { rubySupport } from './ruby.js'
import { scriptSupport } from './script.js'
import { swiftSupport } from './swift.js'

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
