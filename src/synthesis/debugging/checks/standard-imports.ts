import type { SyntaxNode } from '../../../grounding/index.js'
import type { Disk } from '../../disk.js'
import { goPackages, standardNames } from '../known-names.js'
import { problemAt, quoteSnippet, type Problem } from '../problem.js'
import { ancestors, childOf, isName, type Source } from '../source.js'
import type { CheckInput } from './check-input.js'

/** The role of a name at its place: a use, a part of a longer name, or something else, which may be a declaration. */
type Role = 'use' | 'part' | 'other'

interface StandardTable {
  /** Node types of imports. */
  imports: RegExp
  roleOf(node: SyntaxNode): Role
  /** Whether names may come into the file without being named in it. */
  mayImportUnseen(source: Source): boolean
  /** Whether another written file may declare the name for this one. */
  isInOtherFile(name: string, source: Source, disk: Disk): boolean
}

const endsWithFile = (ending: string) => (name: string, _: Source, disk: Disk) =>
  disk.paths().some((path) => path === `${name}${ending}` || path.endsWith(`/${name}${ending}`))

const tables: Readonly<Record<string, StandardTable>> = {
  go: {
    imports: /^import_spec$/,
    roleOf: ({ type, parent, field }) =>
      (type === 'identifier' && parent?.type === 'selector_expression' && field === 'operand') ||
      (type === 'package_identifier' && parent?.type === 'qualified_type')
        ? 'use'
        : type === 'field_identifier'
          ? 'part'
          : 'other',
    mayImportUnseen: () => false,
    isInOtherFile: isInGoPackage,
  },
  java: {
    imports: /^import_declaration$/,
    roleOf({ type, parent, field }) {
      if (/^scoped_(type_)?identifier$/.test(parent?.type ?? '')) return 'part'
      if (type === 'type_identifier') return parent?.type === 'type_parameter' ? 'other' : 'use'
      return parent?.type === 'method_invocation' && field === 'object' ? 'use' : 'other'
    },
    mayImportUnseen: ({ tree }) => tree.nodes.some(({ type }) => type === 'asterisk'),
    isInOtherFile: endsWithFile('.java'),
  },
  rust: {
    imports: /^use_declaration$/,
    roleOf(node) {
      const { type, parent, field } = node
      if ([...ancestors(node)].some((ancestor) => /^(mod_item|macro_invocation|use_declaration)$/.test(ancestor.type)))
        return 'part'
      if (/^scoped_(type_)?identifier$/.test(parent?.type ?? '')) return field === 'path' ? 'use' : 'part'
      return type === 'type_identifier' && field !== 'name' && parent?.type !== 'type_parameters' ? 'use' : 'other'
    },
    mayImportUnseen: ({ tree, words }) =>
      words.has('include') ||
      tree.nodes.some(
        (node) =>
          node.type === 'macro_definition' ||
          (node.type === 'use_wildcard' && ![...ancestors(node)].some(({ type }) => type === 'mod_item')),
      ),
    isInOtherFile: () => false,
  },
  php: {
    imports: /^namespace_use_declaration$/,
    roleOf({ parent }) {
      const type = parent?.type ?? ''
      if (/^(object_creation_expression|named_type|base_clause|class_interface_clause)$/.test(type)) return 'use'
      return /_declaration$|_clause$/.test(type) ? 'other' : 'part'
    },
    // Without a namespace, the names of PHP need no import.
    mayImportUnseen: ({ tree }) =>
      !tree.nodes.some(({ type, parent }) => type === 'namespace_name' && parent?.type === 'namespace_definition'),
    isInOtherFile: endsWithFile('.php'),
  },
}

/** Finds names of the standard library that are used but not imported; in Go also imports and variables without a use. */
export function checkStandardImports({ source, disk }: CheckInput): Problem[] {
  const table = tables[source.language]
  if (table === undefined) return []
  return [...missingImports(source, table, disk), ...(source.language === 'go' ? unusedInGo(source) : [])]
}

function missingImports(source: Source, table: StandardTable, disk: Disk): Problem[] {
  const known = standardNames[source.language]
  const uses = new Map<string, SyntaxNode>()
  const others = new Set<string>()
  if (known === undefined || table.mayImportUnseen(source)) return []
  for (const node of source.tree.nodes) {
    const name = isName(node) ? source.textOf(node) : ''
    if (!known.has(name)) continue
    const role = table.roleOf(node)
    if (role === 'use' && !uses.has(name)) uses.set(name, node)
    if (role === 'other') others.add(name)
  }
  const imports = source.tree.nodes.filter(({ type }) => table.imports.test(type)).map((node) => source.textOf(node))
  return [...uses].flatMap(([name, node]) => {
    const isGiven = others.has(name) || imports.some((text) => text.includes(name))
    if (isGiven || table.isInOtherFile(name, source, disk)) return []
    return [problemAt(source, node, `name ${quoteSnippet(name)} is used, and the file neither imports nor declares it`)]
  })
}

/** Whether another file of the Go package declares the name, or has a line that begins with it. */
function isInGoPackage(name: string, { path }: Source, disk: Disk): boolean {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const declaration = new RegExp(`^(?:var |const |func |type |\\t)?${name}\\b`, 'm')
  return disk.paths().some((other) => {
    const isBeside = other !== path && other.endsWith('.go') && other.slice(0, other.lastIndexOf('/') + 1) === folder
    return isBeside && declaration.test(Buffer.from(disk.get(other) ?? []).toString('utf8'))
  })
}

/** Imports of the standard library and variables whose name occurs nowhere else in the file: Go compiles neither. */
function unusedInGo(source: Source): Problem[] {
  return source.tree.nodes.flatMap((node) => {
    if (node.type === 'import_spec') {
      const path = source.textOf(childOf(node, 'path') ?? node).slice(1, -1)
      const name = goPackages.has(path) && childOf(node, 'name') === null ? path.slice(path.lastIndexOf('/') + 1) : ''
      return source.words.get(name) === 1
        ? [problemAt(source, node, `${quoteSnippet(name)} is imported and never used`)]
        : []
    }
    const list = node.type === 'short_var_declaration' ? childOf(node, 'left') : null
    return (list?.children ?? []).flatMap((child) => {
      const name = source.textOf(child)
      const isUnused = child.type === 'identifier' && name !== '_' && source.words.get(name) === 1
      return isUnused ? [problemAt(source, child, `${quoteSnippet(name)} is given a value that is never used`)] : []
    })
  })
}

/** Whether the node is an import of one line whose absence the check would find. */
export function importsStandardName(source: Source, node: SyntaxNode): boolean {
  const known = standardNames[source.language]
  if (known === undefined || tables[source.language]?.imports.test(node.type) !== true) return false
  const text = source.textOf(node)
  return !text.includes('\n') && [...text.matchAll(/\w+/g)].some(([word]) => known.has(word))
}
