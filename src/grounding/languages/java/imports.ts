import type { Node } from 'web-tree-sitter'
import { childrenOf, field } from '../../syntax/node.js'
import { wordsOf } from '../../syntax/words.js'
import type { RawImport } from '../raw-import.js'
import { maxReferences } from '../support.js'

export function packageOfJava(root: Node): string {
  const declaration = childrenOf(root).find((child) => child.type === 'package_declaration')
  const name = childrenOf(declaration ?? null).find((child) => /identifier$/.test(child.type))
  return (name?.text ?? '').replace(/\s+/g, '')
}

/** The form `static` takes members of a type; the specifier of an import of everything ends in `.*`. */
export function importsOfJava(root: Node): RawImport[] {
  return childrenOf(root).flatMap((node) => {
    if (node.type !== 'import_declaration') return []
    const parts = childrenOf(node)
    const path = (parts.find((part) => /identifier$/.test(part.type))?.text ?? '').replace(/\s+/g, '')
    if (path === '') return []
    const takesAll = parts.some((part) => part.type === 'asterisk')
    const isStatic = node.children.some((child) => child?.type === 'static')
    const specifier = takesAll ? `${path}.*` : path
    const names = takesAll ? ['*'] : [path.split('.').at(-1) ?? path]
    return [{ specifier, names, from: false, weak: false, form: isStatic ? 'static' : 'type' }]
  })
}

/** Names that look like types and follow no dot. */
export function referencesOfJava(root: Node): string[] {
  const own = new Set(childrenOf(root).map((node) => field(node, 'name')?.text))
  const code = root.text
  const names = new Set<string>()
  for (const { text, start } of wordsOf(code)) {
    if (/^[A-Z]/.test(text) && code[start - 1] !== '.' && !own.has(text)) names.add(text)
  }
  return [...names].sort().slice(0, maxReferences)
}
