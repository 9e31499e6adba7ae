import type { Node } from 'web-tree-sitter'
import { namesMatching } from '../../syntax/find-in-text.js'
import { maxReferences } from '../support.js'
import { byCodeUnits } from '../language-of.js'
import type { RawImport } from '../raw-import.js'
import { childrenOf } from '../../syntax/node.js'

/** `import Module`, `import struct Module.Name`: the module, and the one name where it is given. */
export function importsOfSwift(root: Node): RawImport[] {
  return childrenOf(root).flatMap((node) => {
    if (node.type !== 'import_declaration') return []
    const path =
      childrenOf(node)
        .find((child) => child.type === 'identifier')
        ?.text.replace(/\s+/g, '') ?? ''
    const [specifier = '', ...names] = path.split('.')
    return specifier === '' ? [] : [{ specifier, names: [names.at(-1) ?? '*'], from: false, weak: false }]
  })
}

/** Names of types by their capital, and the functions that it calls: files of a module see each other. */
export function referencesOfSwift(root: Node): string[] {
  const names = namesMatching(root, /(?<![\w.@#])[A-Z]\w*/g, namesType)
  return [...names].sort(byCodeUnits).slice(0, maxReferences)
}

function namesType(node: Node): boolean {
  if (node.type !== 'type_identifier' && node.type !== 'simple_identifier') return false
  const outer = node.parent?.type ?? ''
  return !/^(class|protocol|typealias|associatedtype)_declaration$|^(enum_entry|type_parameter|import_declaration|identifier)$/.test(
    outer,
  )
}
