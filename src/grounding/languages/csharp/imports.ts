import type { Node } from 'web-tree-sitter'
import { statementsWith } from '../../syntax/find-in-text.js'
import { childrenOf, field } from '../../syntax/node.js'
import { wordsOf } from '../../syntax/words.js'
import type { RawImport } from '../raw-import.js'
import { maxReferences } from '../support.js'

/** The namespace of the file's types; of several, the first: the outline has them all. */
export function namespaceOfCsharp(root: Node): string {
  const declaration = ungrouped(root).find((child) => /^(file_scoped_)?namespace_declaration$/.test(child.type))
  return plain(declaration === undefined ? null : field(declaration, 'name'))
}

const plain = (node: Node | null): string => (node?.text ?? '').replace(/\s+/g, '')

/** The statements at the top of the file, including those under `#if`. */
function ungrouped(container: Node, levels = 8): Node[] {
  return childrenOf(container).flatMap((child) =>
    /^preproc_(if|elif|else)$/.test(child.type) && levels > 0 ? ungrouped(child, levels - 1) : [child],
  )
}

/** The keyword of a directive, not of `using (...)`. */
const keyword = /\busing\b(?=\s+[^(\s])(?<=(?:^|[;{}\]/]|\bglobal)\s*using)/gm

/** All `using` directives, including those inside a namespace. Forms: `namespace`, `static`, `alias` and `global`. */
export function importsOfCsharp(root: Node): RawImport[] {
  return statementsWith(root, keyword, ['using_directive']).flatMap((node) => {
    const alias = field(node, 'name')
    const target = childrenOf(node).findLast((child) => child.id !== alias?.id && child.type !== 'comment')
    const specifier = plain(target ?? null).replace(/^global::/, '')
    if (!/^[\w.]+$/.test(specifier)) return []
    const words = node.children.map((child) => child?.type)
    const form =
      alias !== null ? 'alias' : words.includes('static') ? 'static' : words.includes('global') ? 'global' : 'namespace'
    return [{ specifier, names: ['*'], from: false, weak: false, form }]
  })
}

/** Names that look like types, and `.Name` for each called method: another file may add it to its type. */
export function referencesOfCsharp(root: Node): string[] {
  const code = root.text
  const names = new Set<string>()
  const methods = new Set<string>()
  for (const { text, start, end } of wordsOf(code)) {
    if (!/^[A-Z_]/.test(text)) continue
    if (code[start - 1] !== '.') names.add(text)
    else if (code[end] === '(' || code[end] === '<') methods.add(`.${text}`)
  }
  return [...names]
    .sort()
    .concat([...methods].sort())
    .slice(0, maxReferences)
    .sort()
}
