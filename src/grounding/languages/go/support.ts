import type { Node } from 'web-tree-sitter'
import { headComment } from '../../outline/items.js'
import { cutAt } from '../../outline/prose.js'
import type { RawImport } from '../raw-import.js'
import { childrenOf, field } from '../../syntax/node.js'
import { wordsOf } from '../../syntax/words.js'
import { maxReferences, type LanguageSupport } from '../support.js'
import { outlineByRules, type OutlineRules } from '../../outline/engine.js'

const isCapital = (name: string): boolean => /^\p{Lu}/u.test(name)

const MAX_NAMES_CHARS = 120

/** `const (`, `type (` and `var (` with several specs are one item with the specs as members. */
const isSpec = (node: Node): boolean => /^(const_spec|var_spec|type_spec|type_alias)$/.test(node.type)

function specsOf(declaration: Node): Node[] {
  return childrenOf(declaration).flatMap((child) =>
    child.type === 'var_spec_list' ? childrenOf(child).filter(isSpec) : isSpec(child) ? [child] : [],
  )
}

const namesOfSpec = (node: Node): string[] =>
  node.childrenForFieldName('name').flatMap((name) => (name?.isNamed ? [name.text] : []))

const namesOfGroup = (node: Node): string => specsOf(node).flatMap(namesOfSpec).join(', ')

const groupSignature =
  (word: string) =>
  (node: Node): string | null =>
    specsOf(node).length > 1 ? `${word} (${cutAt(namesOfGroup(node), MAX_NAMES_CHARS)})` : null

/** The only spec of a declaration that stands alone. */
function onlySpec(node: Node): Node | undefined {
  const specs = specsOf(node)
  return specs.length === 1 ? specs[0] : undefined
}

function typeIn(node: Node): Node | null {
  const spec = isSpec(node) ? node : onlySpec(node)
  return spec === undefined ? null : field(spec, 'type')
}

function kindOfType(node: Node): 'struct' | 'interface' | 'type' {
  const type = typeIn(node)?.type
  return type === 'struct_type' ? 'struct' : type === 'interface_type' ? 'interface' : 'type'
}

function membersOfType(node: Node): Node | null {
  const type = typeIn(node)
  if (type?.type === 'struct_type') return type.namedChild(0)
  return type?.type === 'interface_type' ? type : null
}

function endOfTypeHead(node: Node): number {
  const type = typeIn(node)
  if (type?.type === 'struct_type') return type.namedChild(0)?.startIndex ?? type.endIndex
  return type?.type === 'interface_type' ? type.startIndex + 'interface'.length : node.endIndex
}

/** `T.M`: methods stand apart from their type, often in another file, so that the name has to say both. */
function nameOfMethod(node: Node): string {
  const name = field(node, 'name')?.text ?? ''
  const type = field(node, 'receiver')?.namedChild(0)
  const owner = /^\W*([\p{L}_][\p{L}\p{N}_]*)/u.exec((type && field(type, 'type')?.text) ?? '')?.[1]
  return owner === undefined ? name : `${owner}.${name}`
}

/** An embedded type is a field called like the type. */
function nameOfField(node: Node): string {
  const names = namesOfSpec(node)
  return names.length > 0
    ? names.join(', ')
    : (/([\p{L}\p{N}_]+)(\[.*)?$/su.exec(field(node, 'type')?.text ?? '')?.[1] ?? '')
}

const rules: OutlineRules = {
  declarations: {
    function_declaration: { kind: 'function' },
    method_declaration: { kind: 'method', name: nameOfMethod },
    type_declaration: {
      kind: kindOfType,
      name: namesOfGroup,
      signature: groupSignature('type'),
      signatureEnd: endOfTypeHead,
      members: (node) => (specsOf(node).length > 1 ? node : membersOfType(node)),
    },
    type_spec: { kind: kindOfType, signatureEnd: endOfTypeHead, members: membersOfType },
    type_alias: { kind: 'type' },
    const_declaration: {
      kind: 'variable',
      name: namesOfGroup,
      signature: groupSignature('const'),
      value: (node) => valueOf(onlySpec(node)),
      members: (node) => (specsOf(node).length > 1 ? node : null),
    },
    var_declaration: {
      kind: 'variable',
      name: namesOfGroup,
      signature: groupSignature('var'),
      value: (node) => valueOf(onlySpec(node)),
      members: (node) => (specsOf(node).length > 1 ? node : null),
    },
    const_spec: { kind: 'variable', name: (node) => namesOfSpec(node).join(', ') },
    var_spec: { kind: 'variable', name: (node) => namesOfSpec(node).join(', ') },
    field_declaration: { kind: 'property', name: nameOfField },
    method_elem: { kind: 'method' },
  },
  groups: new Set(['var_spec_list']),
  isExported(_node, name, owner) {
    const isMember = owner?.kind === 'struct' || owner?.kind === 'interface'
    if (isMember && !owner.exported) return false
    return name.split(', ').some((one) => one.split('.').every(isCapital))
  },
}

const valueOf = (spec: Node | undefined): Node | null => (spec === undefined ? null : field(spec, 'value'))

function packageOfGo(root: Node): string {
  const clause = childrenOf(root).find((child) => child.type === 'package_clause')
  return clause?.namedChild(0)?.text ?? ''
}

function importsOfGo(root: Node): RawImport[] {
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

/** What the file selects from a package: `A` of `p.A`. */
function namesTaken(alias: string | undefined, path: string, selected: ReadonlyMap<string, Set<string>>): string[] {
  if (alias === '_') return []
  if (alias === '.') return ['*']
  for (const name of alias === undefined ? likelyNames(path) : [alias]) {
    const names = selected.get(name)
    if (names !== undefined) return [...names].sort()
  }
  return []
}

/** What a package may be called by its path: `yaml` of `gopkg.in/yaml.v3`, `redis` of `github.com/a/go-redis/v9`. */
export function likelyNames(path: string): string[] {
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
  /** Names by the package before their dot. */
  selected: ReadonlyMap<string, Set<string>>
  /** Names that stand by themselves and are not declared within a function, as far as the text shows. */
  plain: ReadonlySet<string>
}

/** Two questions are put to the same tree. */
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
    if (isSelected || words.has(text)) continue
    const isCase = lastCase >= 0 && start - lastCase < MAX_CASE_CHARS && !/[:\n]/.test(code.slice(lastCase, start))
    if (!startsDeclaration(code, end) && (isCase || !startsValue(code, end))) plain.add(text)
    // A type and a field may have one name in capitals; in small letters it is the variable of a function.
    else if (startsDeclaration(code, end) && !isCapital(text)) local.add(text)
  }
  for (const name of local) plain.delete(name)
  return { selected, plain }
}

/** How long the list of a `case` may be to be looked at. */
const MAX_CASE_CHARS = 200

const isAt =
  (pattern: RegExp) =>
  (code: string, at: number): boolean => {
    pattern.lastIndex = at
    return pattern.test(code)
  }

/** `a :=`, `a, b :=`, a parameter, field or variable `a T` or `a *T`. */
const startsDeclaration = isAt(/(?:, ?\w{1,40}){0,4}[ \t]*:=|[ \t]+(?:[A-Za-z_[]|\*[A-Za-z_]|\.\.\.)/y)

/** The key of a literal. */
const startsValue = isAt(/:(?!=)/y)

const words = new Set(
  (
    'break case chan const continue default defer else fallthrough for func go goto if import interface map package ' +
    'range return select struct switch type var any bool byte comparable complex64 complex128 error float32 float64 ' +
    'int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr true false iota nil append cap ' +
    'clear close complex copy delete imag len make max min new panic print println real recover _'
  ).split(' '),
)

/** The names of one top-level statement. */
function namesDeclared(node: Node): string[] {
  if (node.type === 'function_declaration') return [field(node, 'name')?.text ?? '']
  return /^(type|const|var)_declaration$/.test(node.type) ? specsOf(node).flatMap(namesOfSpec) : []
}

function referencesOfGo(root: Node): string[] {
  const own = new Set(childrenOf(root).flatMap(namesDeclared))
  const names = [...namesUsed(root).plain].filter((name) => !own.has(name))
  return names.sort().slice(0, maxReferences)
}

export const goSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-go.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rules),
  imports: importsOfGo,
  scope: packageOfGo,
  references: referencesOfGo,
}
