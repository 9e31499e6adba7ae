import type { Node } from 'web-tree-sitter'
import { byCodeUnits } from '../../order/code-units.js'
import { namesMatching, nodesMatching } from '../../syntax/find-in-text.js'
import { ancestorsOf, childrenOf, field } from '../../syntax/node.js'
import type { RawImport } from '../raw-import.js'
import { maxReferences } from '../support.js'

/** `require`, `load` and `autoload` with a literal, anywhere in the file; the form decides where the path is searched. */
export function importsOfRuby(root: Node): RawImport[] {
  return nodesMatching(root, /\b(?:require_relative|require|load|autoload)\b/g).flatMap((node) => {
    const call = node.type === 'identifier' ? node.parent : null
    if (call?.type !== 'call' || field(call, 'method')?.startIndex !== node.startIndex) return []
    const receiver = field(call, 'receiver')
    if (receiver !== null && receiver.text !== 'Kernel') return []
    const found = importOf(node.text, childrenOf(field(call, 'arguments')))
    return found === null ? [] : [{ ...found, names: namesOf(node.text, call), from: false, weak: isWeak(call) }]
  })
}

function importOf(called: string, args: readonly Node[]): { specifier: string; form: string } | null {
  if (called === 'autoload') {
    const [name, path] = args
    const specifier = path === undefined ? (name?.text.slice(1) ?? '') : literalOf(path)
    return specifier === null || specifier === '' ? null : { specifier, form: path === undefined ? 'constant' : 'load' }
  }
  const [first] = args
  const specifier = first === undefined ? null : literalOf(first)
  if (specifier !== null) return { specifier, form: called === 'require_relative' ? 'relative' : 'load' }
  return first === undefined ? null : pathFromHere(first.text)
}

/** The path of `File.expand_path('../x', __FILE__)`, `File.join(__dir__, 'x')` and `"#{__dir__}/x"`. */
function pathFromHere(code: string): { specifier: string; form: string } | null {
  if (code.length > 200) return null
  const beside = /^File\.expand_path\(\s*(['"])([^'"#]+)\1\s*,\s*(__FILE__|__dir__)\s*\)$/.exec(code)
  if (beside !== null) {
    // The path starts at the file itself, so the first `..` leads to its folder.
    const specifier = beside[3] === '__FILE__' ? (beside[2] as string).replace(/^\.\.\//, '') : (beside[2] as string)
    return { specifier, form: 'relative' }
  }
  const joined =
    /^File\.join\(\s*(?:__dir__|File\.dirname\(__FILE__\))\s*,\s*(['"])([^'"#]+)\1\s*\)$/.exec(code) ??
    /^(?:__dir__|File\.dirname\(__FILE__\))\s*\+\s*(['"])\/?([^'"#]+)\1$/.exec(code) ??
    /^(")#\{(?:__dir__|File\.dirname\(__FILE__\))\}\/([^"#]+)"$/.exec(code)
  return joined === null ? null : { specifier: joined[2] as string, form: 'relative' }
}

const namesOf = (called: string, call: Node): string[] => {
  const first = childrenOf(field(call, 'arguments'))[0]
  return called === 'autoload' && first?.type === 'simple_symbol' ? [first.text.slice(1)] : ['*']
}

/** Whether the file is loaded later: the call is inside a method, or an `autoload`. */
function isWeak(call: Node): boolean {
  if (field(call, 'method')?.text === 'autoload') return true
  for (const outer of ancestorsOf(call)) if (/^(singleton_)?method$|^lambda$/.test(outer.type)) return true
  return false
}

function literalOf(node: Node): string | null {
  if (node.type !== 'string') return null
  const parts = childrenOf(node)
  return parts.every((part) => part.type === 'string_content') ? node.text.slice(1, -1) : null
}

/** The constants that a file uses, each with its path as written. */
export function referencesOfRuby(root: Node): string[] {
  const names = namesMatching(root, /(?<![\w:@$])(?:::)?[A-Z]\w*(?:::[A-Z]\w*){0,8}/g, namesConstant)
  return [...names].sort(byCodeUnits).slice(0, maxReferences)
}

/** Whether a node uses a constant, and does not declare it. */
function namesConstant(node: Node): boolean {
  if (node.type !== 'constant' && node.type !== 'scope_resolution') return false
  const outer = node.parent
  if (outer === null || !/^(class|module|assignment)$/.test(outer.type)) return true
  return (field(outer, 'name') ?? field(outer, 'left'))?.startIndex !== node.startIndex
}
