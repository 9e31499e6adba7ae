import type { SyntaxNode } from '../../grounding/index.js'
import { hasOpenScope, namesOf, type Names } from './names.js'
import { functionsOf, type DeclaredFunction } from './functions.js'
import { childOf, isScript, descendants, type Source } from './source.js'

/** What other files can import from a file by name. */
export interface FileExports {
  /** `null` if they are not certainly known. */
  names: ReadonlySet<string> | null
  /** Exported functions by exported name. */
  functions: ReadonlyMap<string, DeclaredFunction>
}

const unknownExports: FileExports = { names: null, functions: new Map() }

export function exportsOf(source: Source): FileExports {
  const names = namesOf(source)
  if (names === null || source.tree.hasError) return unknownExports
  return withoutTrees(isScript(source.language) ? scriptExports(source, names) : pythonExports(source, names))
}

function pythonExports(source: Source, names: Names): FileExports {
  const isOpen = hasOpenScope(source) || ['__getattr__', 'setattr', 'modules'].some((word) => source.words.has(word))
  const dunders = ['__name__', '__file__', '__doc__', '__path__', '__package__', '__spec__', '__loader__', '__dict__']
  return {
    names: isOpen ? null : new Set([...names.declared.keys(), ...dunders]),
    functions: byName(functionsOf(source, names).filter(({ owner, node }) => owner === null && isTopLevel(node))),
  }
}

const isTopLevel = ({ parent }: SyntaxNode): boolean => parent?.type === 'module'

function scriptExports(source: Source, names: Names): FileExports {
  const exported = new Map<string, string>()
  let isOpen = /\.d\.[cm]?ts$/.test(source.path) || source.words.has('module') || source.words.has('exports')
  for (const statement of source.tree.root.children) {
    if (statement.type !== 'export_statement') continue
    const pairs = exportedNames(source, statement)
    if (pairs === null) isOpen = true
    for (const [name, local] of pairs ?? []) exported.set(name, local)
  }
  const functions = byName(functionsOf(source, names).filter(({ owner }) => owner === null))
  return {
    names: isOpen || exported.size === 0 ? null : new Set(exported.keys()),
    functions: new Map(
      [...exported].flatMap(([name, local]) => {
        const declared = functions.get(local)
        return declared === undefined || !isExportable(declared.node) ? [] : [[name, declared] as const]
      }),
    ),
  }
}

const isExportable = ({ parent }: SyntaxNode): boolean =>
  parent?.type === 'program' ||
  parent?.type === 'export_statement' ||
  parent?.parent?.parent?.type === 'export_statement' ||
  parent?.parent?.parent?.type === 'program'

/** Pairs of exported and local name; `null` if the statement re-exports a whole module. */
function exportedNames(source: Source, statement: SyntaxNode): [string, string][] | null {
  const { children } = statement
  const has = (type: string): boolean => children.some((child) => child.type === type)
  if (has('*') || has('=')) return null
  const namespace = children.find(({ type }) => type === 'namespace_export')
  if (namespace !== undefined)
    return namespace.children.filter((part) => part.isNamed).map((part) => [source.textOf(part), ''])
  const clause = children.find(({ type }) => type === 'export_clause')
  if (clause !== undefined) {
    const isPassedOn = childOf(statement, 'source') !== null
    return clause.children.flatMap((part): [string, string][] => {
      const name = childOf(part, 'name')
      if (name === null) return []
      const exportedName = source.textOf(childOf(part, 'alias') ?? name)
      return [[exportedName, isPassedOn ? '' : source.textOf(name)]]
    })
  }
  if (has('default')) return [['default', nameOfDefault(source, statement)]]
  const declaration = childOf(statement, 'declaration')
  return declaration === null ? null : declaredNames(source, declaration).map((name) => [name, name])
}

function nameOfDefault(source: Source, statement: SyntaxNode): string {
  const value = childOf(statement, 'declaration') ?? childOf(statement, 'value')
  const name = value?.type === 'identifier' ? value : childOf(value, 'name')
  return name === null || name === undefined ? '' : source.textOf(name)
}

/** Every name that the declaration may declare: rather too many names than too few. */
function declaredNames(source: Source, declaration: SyntaxNode): string[] {
  const inner = declaration.type === 'ambient_declaration' ? declaration.children : [declaration]
  return inner.flatMap((part) => {
    const name = childOf(part, 'name')
    if (name !== null) return [source.textOf(name).split('.')[0] as string]
    return part.children
      .filter(({ type }) => type === 'variable_declarator')
      .flatMap((declarator) => {
        const pattern = childOf(declarator, 'name')
        if (pattern === null) return []
        const names =
          pattern.children.length === 0
            ? [pattern]
            : [...descendants(pattern)].filter((node) => /identifier/.test(node.type))
        return names.map((node) => source.textOf(node))
      })
  })
}

const byName = (functions: readonly DeclaredFunction[]): Map<string, DeclaredFunction> =>
  new Map(functions.map((declared) => [declared.name, declared]))

/** Removes the syntax trees that the functions refer to, so that the exports can be cached. */
function withoutTrees({ names, functions }: FileExports): FileExports {
  const bare = [...functions].map(([name, declared]): [string, DeclaredFunction] => {
    return [name, { ...declared, node: { ...declared.node, parent: null, children: [] } }]
  })
  return { names, functions: new Map(bare) }
}
