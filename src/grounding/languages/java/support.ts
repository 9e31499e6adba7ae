import type { Node } from 'web-tree-sitter'
import { proseOfJavadoc } from '../../outline/docs.js'
import { headComment } from '../../outline/items.js'
import type { RawImport } from '../raw-import.js'
import { childrenOf, field } from '../../syntax/node.js'
import { wordsOf } from '../../syntax/words.js'
import { maxReferences, type LanguageSupport } from '../support.js'
import { outlineByRules, type DeclarationRule, type OutlineRules } from '../../outline/engine.js'

const body = (node: Node): Node | null => field(node, 'body')

/** Annotations and words such as `public`; they stand first. */
function modifiersOf(node: Node): Node | null {
  const first = node.firstNamedChild
  return first?.type === 'modifiers' ? first : null
}

const annotations = /^(marker_annotation|annotation|line_comment|block_comment)$/

/** The words among the modifiers, without annotations. */
function wordsAmong(modifiers: Node): Node[] {
  return modifiers.children.filter((child): child is Node => child !== null && !annotations.test(child.type))
}

const type = (kind: 'class' | 'interface' | 'enum' | 'struct'): DeclarationRule => ({ kind, members: body })

const method: DeclarationRule = { kind: 'method' }

const variable: DeclarationRule = {
  kind: 'property',
  name: (node) =>
    node
      .childrenForFieldName('declarator')
      .flatMap((one) => (one === null ? [] : (field(one, 'name')?.text ?? [])))
      .join(', '),
  value(node) {
    const declarator = field(node, 'declarator')
    return declarator === null ? null : field(declarator, 'value')
  },
}

const rules: OutlineRules = {
  declarations: {
    class_declaration: type('class'),
    record_declaration: type('class'),
    interface_declaration: type('interface'),
    annotation_type_declaration: type('interface'),
    enum_declaration: type('enum'),
    method_declaration: method,
    constructor_declaration: method,
    compact_constructor_declaration: method,
    annotation_type_element_declaration: method,
    field_declaration: variable,
    constant_declaration: variable,
    enum_constant: { kind: 'property' },
    module_declaration: { kind: 'module', name: (node) => field(node, 'name')?.text ?? '' },
  },
  groups: new Set(['enum_body_declarations']),
  isExported(node, _name, owner) {
    const isOpen = owner?.kind === 'interface' || node.type === 'enum_constant'
    const modifiers = modifiersOf(node)
    const text = modifiers?.text ?? ''
    const words = modifiers !== null && text.includes('@') ? wordsAmong(modifiers).map((word) => word.type) : [text]
    const isPublic = words.some((word) => /\b(public|protected)\b/.test(word))
    return (isOpen || isPublic || node.type === 'module_declaration') && (owner === null || owner.exported)
  },
  proseOf: proseOfJavadoc,
  // Annotations stand in the modifiers, before the words.
  signatureStart(node) {
    const modifiers = modifiersOf(node)
    if (modifiers === null || !modifiers.text.includes('@')) return node.startIndex
    return wordsAmong(modifiers)[0]?.startIndex ?? afterModifiers(node, modifiers)
  },
}

function afterModifiers(node: Node, modifiers: Node): number {
  const next = node.children.find((child) => child !== null && child.startIndex >= modifiers.endIndex)
  return next?.startIndex ?? node.startIndex
}

const packageOfJava = (root: Node): string => {
  const declaration = childrenOf(root).find((child) => child.type === 'package_declaration')
  const name = childrenOf(declaration ?? null).find((child) => /identifier$/.test(child.type))
  return (name?.text ?? '').replace(/\s+/g, '')
}

/** Form `static` takes members of a type; the specifier ends in `.*` where all is taken. */
function importsOfJava(root: Node): RawImport[] {
  return childrenOf(root).flatMap((node) => {
    if (node.type !== 'import_declaration') return []
    const parts = childrenOf(node)
    const path = (parts.find((part) => /identifier$/.test(part.type))?.text ?? '').replace(/\s+/g, '')
    if (path === '') return []
    const takesAll = parts.some((part) => part.type === 'asterisk')
    const isStatic = node.children.some((child) => child?.type === 'static')
    const specifier = takesAll ? `${path}.*` : path
    const names = takesAll ? ['*'] : [path.split('.').at(-1) ?? path]
    return [{ specifier, names, from: false, weak: false, form: isStatic ? 'static' : 'type' }]
  })
}

/** Names in the manner of types that stand by themselves. */
function referencesOfJava(root: Node): string[] {
  const own = new Set(childrenOf(root).map((node) => field(node, 'name')?.text))
  const code = root.text
  const names = new Set<string>()
  for (const { text, start } of wordsOf(code)) {
    if (/^[A-Z]/.test(text) && code[start - 1] !== '.' && !own.has(text)) names.add(text)
  }
  return [...names].sort().slice(0, maxReferences)
}

export const javaSupport: LanguageSupport = {
  grammar: '@vscode/tree-sitter-wasm/wasm/tree-sitter-java.wasm',
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rules),
  imports: importsOfJava,
  scope: packageOfJava,
  references: referencesOfJava,
}
