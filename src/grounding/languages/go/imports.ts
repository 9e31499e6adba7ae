import type { Node } from 'web-tree-sitter'
import { childrenOf, field } from '../../syntax/node.js'
import { wordsOf } from '../../syntax/words.js'
import type { RawImport } from '../raw-import.js'
import { maxReferences } from '../support.js'
import { isCapital, namesOfSpec, specsOf } from './outline.js'

export function packageOfGo(root: Node): string {
  const clause = childrenOf(root).find((child) => child.type === 'package_clause')
  return clause?.namedChild(0)?.text ?? ''
}

export function importsOfGo(root: Node): RawImport[] {
  const { selected } = namesUsed(root)
  return childrenOf(root)
    .filter((child) => child.type === 'import_declaration')
    .flatMap((declaration) => childrenOf(declaration))
    .flatMap((child) => (child.type === 'import_spec_list' ? childrenOf(child) : [child]))
    .flatMap((spec) => {
      const path = spec.type === 'import_spec' ? field(spec, 'path')?.text.slice(1, -1) : undefined
      if (path === undefined || path === '') return []
      return [
        { specifier: path, names: namesTaken(field(spec, 'name')?.text, path, selected), from: false, weak: false },
      ]
    })
}

/** The names that the file selects from a package: `A` of `p.A`. */
function namesTaken(alias: string | undefined, path: string, selected: ReadonlyMap<string, Set<string>>): string[] {
  if (alias === '_') return []
  if (alias === '.') return ['*']
  for (const name of alias === undefined ? likelyNames(path) : [alias]) {
    const names = selected.get(name)
    if (names !== undefined) return [...names].sort()
  }
  return []
}

/** The names that a package may have by its path: `yaml` for `gopkg.in/yaml.v3`, `redis` for `github.com/a/go-redis/v9`. */
function likelyNames(path: string): string[] {
  const parts = path.split('/')
  const last = parts.at(-1) ?? ''
  const base = (/^v\d+$/.test(last) ? parts.at(-2) : last) ?? ''
  const plain = base.replace(/\.v\d+$/, '')
  const names = [
    last,
    base,
    plain,
    plain.replace(/^go[-.]|[-.]go$/g, ''),
    plain.replace(/\W/g, ''),
    plain.replace(/\W/g, '_'),
  ]
  return [...new Set([...names, plain.split(/\W/).at(-1) as string])]
}

interface NamesUsed {
  /** Selected names by the package before their dot. */
  selected: ReadonlyMap<string, Set<string>>
  /** Names without a dot that, as far as the text shows, no function declares. */
  plain: ReadonlySet<string>
}

/** Both `imports` and `references` need the names of a tree. */
const namesByRoot = new WeakMap<Node, NamesUsed>()

function namesUsed(root: Node): NamesUsed {
  const known = namesByRoot.get(root)
  if (known !== undefined) return known
  const found = findNames(root.text)
  namesByRoot.set(root, found)
  return found
}

function findNames(code: string): NamesUsed {
  const selected = new Map<string, Set<string>>()
  const plain = new Set<string>()
  const local = new Set<string>()
  let last = { text: '', end: -1, isSelected: false }
  let lastCase = -1
  for (const { text, start, end } of wordsOf(code)) {
    const isSelected = code[start - 1] === '.' && code[start - 2] !== '.'
    if (isSelected && last.end === start - 1 && !last.isSelected && isCapital(text)) {
      const names = selected.get(last.text) ?? new Set()
      selected.set(last.text, names.add(text))
    }
    last = { text, end, isSelected }
    if (text === 'case') lastCase = start
    if (isSelected || predeclared.has(text)) continue
    const isCase = lastCase >= 0 && start - lastCase < maxCaseChars && !/[:\n]/.test(code.slice(lastCase, start))
    if (!startsDeclaration(code, end) && (isCase || !startsValue(code, end))) plain.add(text)
    // In capitals, a type and a field may have the same name; in small letters, it is a variable of a function.
    else if (startsDeclaration(code, end) && !isCapital(text)) local.add(text)
  }
  for (const name of local) plain.delete(name)
  return { selected, plain }
}

/** The longest list of a `case` that is read. */
const maxCaseChars = 200

const isAt =
  (pattern: RegExp) =>
  (code: string, at: number): boolean => {
    pattern.lastIndex = at
    return pattern.test(code)
  }

/** `a :=`, `a, b :=`, a parameter, field or variable `a T` or `a *T`. */
const startsDeclaration = isAt(/(?:, ?\w{1,40}){0,4}[ \t]*:=|[ \t]+(?:[A-Za-z_[]|\*[A-Za-z_]|\.\.\.)/y)

/** The `:` after a key of a literal. */
const startsValue = isAt(/:(?!=)/y)

/** Keywords and names that every file knows. */
const predeclared = new Set(
  (
    'break case chan const continue default defer else fallthrough for func go goto if import interface map package ' +
    'range return select struct switch type var any bool byte comparable complex64 complex128 error float32 float64 ' +
    'int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr true false iota nil append cap ' +
    'clear close complex copy delete imag len make max min new panic print println real recover _'
  ).split(' '),
)

/** The names that a top-level statement declares. */
function namesDeclared(node: Node): string[] {
  if (node.type === 'function_declaration') return [field(node, 'name')?.text ?? '']
  return /^(type|const|var)_declaration$/.test(node.type) ? specsOf(node).flatMap(namesOfSpec) : []
}

export function referencesOfGo(root: Node): string[] {
  const own = new Set(childrenOf(root).flatMap(namesDeclared))
  const names = [...namesUsed(root).plain].filter((name) => !own.has(name))
  return names.sort().slice(0, maxReferences)
}
