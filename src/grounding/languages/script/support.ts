import { headComment } from '../../outline/items.js'
import { childrenOf } from '../../syntax/node.js'
import type { LanguageSupport } from '../support.js'
import { withoutGrammarGaps } from './grammar-gaps.js'
import { importsOfScript } from './imports.js'
import { outlineOfScript } from './outline.js'

type ScriptLanguage = 'typescript' | 'tsx' | 'javascript'

const grammarOf = (language: ScriptLanguage): string => `@vscode/tree-sitter-wasm/wasm/tree-sitter-${language}.wasm`

export function scriptSupport(language: ScriptLanguage): LanguageSupport {
  return {
    grammar: grammarOf(language),
    doc: (root, source) => headComment(childrenOf(root), source),
    outline: outlineOfScript,
    imports: importsOfScript,
    // First without the syntax that the grammar does not know; then JavaScript as TSX, whose grammar knows more.
    repairs(text) {
      const patched = withoutGrammarGaps(text)
      const attempts = patched === text ? [] : [{ grammar: grammarOf(language), text: patched }]
      if (language === 'javascript') attempts.push({ grammar: grammarOf('tsx'), text: patched })
      return attempts
    },
  }
}
