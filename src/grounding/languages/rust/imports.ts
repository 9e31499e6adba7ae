import type { Node } from 'web-tree-sitter'
import { statementsWith } from '../../syntax/find-in-text.js'
import { ancestorsOf, childrenOf, field } from '../../syntax/node.js'
import type { RawImport } from '../raw-import.js'

/** The most paths of one file: trees of `use` can multiply to any number. */
const maxPaths = 2_000
/** The deepest nesting of lists in one `use`. */
const maxNesting = 64

/** A keyword where a statement may begin: comments contain the word "use" too. */
const keyword = /\b(?:use|mod|extern)\b(?<=(?:^|[;{}\])/]|\bpub|\bcrate)\s*(?:use|mod|extern))/gm

/**
 * `mod`, `use` and `extern crate`, and all other paths in the code that begin with `crate`.
 *
 * Forms: `mod` (`a::b` for `mod b;` inside `mod a {}`), `path` (the file of `#[path = "..."]`), `use`, `crate`, and
 * `inline` for a path inside other code. Paths are relative to the file's module: `super` inside `mod a {}` is `self`.
 */
export function importsOfRust(root: Node): RawImport[] {
  const found: RawImport[] = []
  for (const node of statementsWith(root, keyword, ['use_declaration', 'mod_item', 'extern_crate_declaration'])) {
    if (found.length >= maxPaths) break
    if (node.type === 'mod_item') found.push(...modImported(node))
    else if (node.type === 'use_declaration') found.push(...pathsUsed(node, maxPaths - found.length))
    else found.push(raw(field(node, 'name')?.text ?? '', ['*'], 'crate', false))
  }
  return [...withAliases(found), ...pathsInCode(root.text)]
}

const raw = (specifier: string, names: string[], form: string, weak: boolean): RawImport => ({
  specifier,
  names,
  from: false,
  weak,
  form,
})

interface Place {
  /** Names of the `mod a {}` blocks around a node, the outermost first. */
  modules: string[]
  /** Whether the node is inside a function, or compiled for tests only. */
  weak: boolean
}

function placeOf(node: Node): Place {
  const modules: string[] = []
  let weak = false
  // In formatted Rust, a node at the start of a line has no block around it; reading the tree is slow.
  if (node.startPosition.column === 0) return { modules, weak }
  for (const outer of ancestorsOf(node)) {
    if (outer.type === 'mod_item') {
      modules.unshift(field(outer, 'name')?.text ?? '')
      weak ||= /^tests?$/.test(modules[0] ?? '')
    }
    weak ||= outer.type === 'function_item'
  }
  return { modules, weak }
}

/** The import of `mod a;`. It is weak: a file may be written before its child modules. */
function modImported(node: Node): RawImport[] {
  if (field(node, 'body') !== null) return []
  const name = field(node, 'name')?.text ?? ''
  const path = pathAttribute(node)
  const place = [...placeOf(node).modules, name].join('::')
  return [path === undefined ? raw(place, [], 'mod', true) : raw(path, [name], 'path', true)]
}

function pathAttribute(node: Node): string | undefined {
  for (let above = node.previousNamedSibling; above?.type === 'attribute_item'; above = above.previousNamedSibling) {
    const path = /^#\[\s*path\s*=\s*"([^"]{1,300})"\s*\]$/.exec(above.text)?.[1]
    if (path !== undefined) return path
  }
  return undefined
}

function pathsUsed(declaration: Node, limit: number): RawImport[] {
  const { modules, weak } = placeOf(declaration)
  const argument = field(declaration, 'argument')
  const leaves: Leaf[] = []
  if (argument !== null) collectLeaves(argument, '', leaves, limit, maxNesting)
  return leaves.map(({ path, name, alias }) => ({ ...raw(fromFile(path, modules), [name], 'use', weak), alias }))
}

interface Leaf {
  path: string
  /** `*` for a glob and for a whole module. */
  name: string
  alias: string
}

/** Collects the leaves of a tree such as `a::{b::{self, c as d}, e::*}`, with full paths. */
function collectLeaves(node: Node, prefix: string, into: Leaf[], limit: number, levels: number): void {
  if (into.length >= limit || levels <= 0) return
  const within = (path: string): string => [prefix, path].filter((part) => part !== '').join('::')
  if (node.type === 'use_list') {
    for (const child of childrenOf(node)) collectLeaves(child, prefix, into, limit, levels - 1)
  } else if (node.type === 'scoped_use_list') {
    const list = field(node, 'list')
    if (list !== null) collectLeaves(list, within(plain(field(node, 'path'))), into, limit, levels - 1)
  } else if (node.type === 'use_wildcard') {
    into.push({ path: within(plain(node.namedChild(0))), name: '*', alias: '' })
  } else if (node.type === 'use_as_clause') {
    into.push({ ...leafOf(within(plain(field(node, 'path')))), alias: field(node, 'alias')?.text ?? '' })
  } else if (/identifier$|^(self|crate|super)$/.test(node.type)) {
    into.push(leafOf(within(plain(node))))
  }
}

const plain = (node: Node | null): string => (node?.text ?? '').replace(/\s+/g, '')

/** A path takes its last name; `self` takes the path itself. */
function leafOf(whole: string): Leaf {
  const path = whole.replace(/(?<=\w)::self$/, '')
  const at = path.lastIndexOf('::')
  const name = path.slice(at < 0 ? 0 : at + 2)
  return { path, name: at < 0 ? '*' : name, alias: name }
}

/** A path relative to the file's module, from a path inside its `mod` blocks. */
function fromFile(path: string, modules: readonly string[]): string {
  const parts = path.split('::')
  let depth = modules.length
  if (parts[0] === 'self' && depth > 0) return ['self', ...modules, ...parts.slice(1)].join('::')
  let ups = 0
  while (parts[ups] === 'super' && depth > 0) {
    ups++
    depth--
  }
  return ups === 0 ? path : ['self', ...modules.slice(0, depth), ...parts.slice(ups)].join('::')
}

/** Completes paths that begin with an imported name: `use a::b; use b::c;` takes `a::b::c`. */
function withAliases(found: readonly (RawImport & { alias?: string })[]): RawImport[] {
  const paths = new Map<string, string>()
  for (const { specifier, alias } of found) {
    if (alias !== undefined && alias !== '' && alias !== '_' && specifier.includes('::')) paths.set(alias, specifier)
  }
  return found.map(({ alias: _alias, ...own }) => {
    const [first = '', ...rest] = own.specifier.split('::')
    const imported = own.form === 'use' ? paths.get(first) : undefined
    const isOther = imported !== undefined && rest.length > 0 && imported.split('::')[0] !== first
    return isOther ? { ...own, specifier: [imported, ...rest].join('::') } : own
  })
}

/** Each path that begins with `crate`, once. Searched in the text, since functions and macros contain many. */
function pathsInCode(code: string): RawImport[] {
  const seen = new Set<string>()
  for (const match of code.matchAll(/\bcrate(?:::[A-Za-z_]\w{0,80}){1,12}/g)) {
    if (seen.size >= maxPaths) break
    const before = code.slice(Math.max(0, match.index - 200), match.index)
    if (!isInUseOrComment(before.slice(before.lastIndexOf('\n') + 1))) seen.add(match[0])
  }
  return [...seen].map((path) => raw(path, [path.split('::').at(-1) ?? ''], 'inline', true))
}

const isInUseOrComment = (lineBefore: string): boolean =>
  /^\s*(\*|(pub(\([a-z :]{1,40}\))? )?use )/.test(lineBefore) || lineBefore.includes('//')
