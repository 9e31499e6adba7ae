import type { Node } from 'web-tree-sitter'
import { statementsWith } from '../../syntax/find-in-text.js'
import type { RawImport } from '../raw-import.js'
import { ancestorsOf, childrenOf, field } from '../../syntax/node.js'

/** Paths of one file, whatever its trees of `use` multiply to. */
const MAX_PATHS = 2_000
/** Lists within lists of one `use`. */
const MAX_NESTING = 64

/** Behind whatever may stand before a statement; "use" is a word of comments, too. */
const keyword = /\b(?:use|mod|extern)\b(?<=(?:^|[;{}\])/]|\bpub|\bcrate)\s*(?:use|mod|extern))/gm

/**
 * `mod`, `use` and `extern crate`, and the paths that begin with `crate` elsewhere in the code.
 *
 * Forms: `mod` (`a::b` for `mod b;` within `mod a {}`), `path` (the file of `#[path = "..."]`), `use`, `crate`, and
 * `inline` for a path in the midst of code. Paths are those of the file's own module: `super` within `mod a {}` is `self`.
 */
export function importsOfRust(root: Node): RawImport[] {
  const found: RawImport[] = []
  for (const node of statementsWith(root, keyword, ['use_declaration', 'mod_item', 'extern_crate_declaration'])) {
    if (found.length >= MAX_PATHS) break
    if (node.type === 'mod_item') found.push(...modImported(node))
    else if (node.type === 'use_declaration') found.push(...pathsUsed(node, MAX_PATHS - found.length))
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
  /** Names of the `mod a {}` blocks around, the outermost first. */
  modules: string[]
  /** Within a function, or compiled for tests only. */
  weak: boolean
}

function placeOf(node: Node): Place {
  const modules: string[] = []
  let weak = false
  // What begins a line stands in nothing, the way that everyone formats Rust; asking the tree is slow.
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

/** `mod a;`, which need not be there before what it leads to is used. */
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
  if (argument !== null) collectLeaves(argument, '', leaves, limit, MAX_NESTING)
  return leaves.map(({ path, name, alias }) => ({ ...raw(fromFile(path, modules), [name], 'use', weak), alias }))
}

interface Leaf {
  path: string
  /** `*` for a glob and for a module that is taken as such. */
  name: string
  alias: string
}

/** The leaves of a tree such as `a::{b::{self, c as d}, e::*}`, with their paths in full. */
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

/** The last name of a path is what is taken; `self` takes the path itself. */
function leafOf(whole: string): Leaf {
  const path = whole.replace(/(?<=\w)::self$/, '')
  const at = path.lastIndexOf('::')
  const name = path.slice(at < 0 ? 0 : at + 2)
  return { path, name: at < 0 ? '*' : name, alias: name }
}

/** A path as the file's own module would write it. */
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

/** `use a::b; use b::c;`: the second begins with what the first brought in. */
function withAliases(found: readonly (RawImport & { alias?: string })[]): RawImport[] {
  const paths = new Map<string, string>()
  for (const { specifier, alias } of found) {
    if (alias !== undefined && alias !== '' && alias !== '_' && specifier.includes('::')) paths.set(alias, specifier)
  }
  return found.map(({ alias: _alias, ...one }) => {
    const [first = '', ...rest] = one.specifier.split('::')
    const brought = one.form === 'use' ? paths.get(first) : undefined
    const isOther = brought !== undefined && rest.length > 0 && brought.split('::')[0] !== first
    return isOther ? { ...one, specifier: [brought, ...rest].join('::') } : one
  })
}

/** Each path once; in text, since the bodies of functions and macros are full of them. */
function pathsInCode(code: string): RawImport[] {
  const seen = new Set<string>()
  for (const match of code.matchAll(/\bcrate(?:::[A-Za-z_]\w{0,80}){1,12}/g)) {
    if (seen.size >= MAX_PATHS) break
    const before = code.slice(Math.max(0, match.index - 200), match.index)
    if (!isInUseOrComment(before.slice(before.lastIndexOf('\n') + 1))) seen.add(match[0])
  }
  return [...seen].map((path) => raw(path, [path.split('::').at(-1) ?? ''], 'inline', true))
}

const isInUseOrComment = (lineBefore: string): boolean =>
  /^\s*(\*|(pub(\([a-z :]{1,40}\))? )?use )/.test(lineBefore) || lineBefore.includes('//')
