import type { Node } from 'web-tree-sitter'
import { byCodeUnits } from '../../order/code-units.js'
import { namesMatching } from '../../syntax/find-in-text.js'
import { childrenOf } from '../../syntax/node.js'
import type { RawImport } from '../raw-import.js'
import { maxReferences } from '../support.js'

/** `import Module` and `import struct Module.Name`: the module, and the name where the import has one. */
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

/** Names of types, which begin with a capital: files of a module see each other without an import. */
export function referencesOfSwift(root: Node): string[] {
  const names = namesMatching(root, /(?<![\w.@#])[A-Z]\w*/g, namesType)
  return [...names].sort(byCodeUnits).slice(0, maxReferences)
}

/** Whether a node uses a type, and does not declare it. */
function namesType(node: Node): boolean {
  if (node.type !== 'type_identifier' && node.type !== 'simple_identifier') return false
  const outer = node.parent?.type ?? ''
  return !/^(class|protocol|typealias|associatedtype)_declaration$|^(enum_entry|type_parameter|import_declaration|identifier)$/.test(
    outer,
  )
}
