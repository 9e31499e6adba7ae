import { outlineByRules } from '../../outline/engine.js'
import type { LanguageSupport } from '../support.js'
import { importsOfRust } from './imports.js'
import { docOfRust, rulesOfRust } from './outline.js'

/** Replaces words and a sign that the grammar does not accept inside macros. Every position stays where it is. */
const withoutGaps = (text: string): string =>
  text
    .replace(/\btry!(?=\s?\()/g, 'try_')
    .replace(/\bstr!(?=\s?[[({])/g, 'st_!')
    .replaceAll('~', '_')

const grammar = '@vscode/tree-sitter-wasm/wasm/tree-sitter-rust.wasm'

export const rustSupport: LanguageSupport = {
  grammar,
  doc: docOfRust,
  outline: outlineByRules(rulesOfRust),
  imports: importsOfRust,
  repairs(text) {
    const patched = withoutGaps(text)
    return patched === text ? [] : [{ grammar, text: patched }]
  },
}
