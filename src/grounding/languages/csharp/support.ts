import type { Node } from 'web-tree-sitter'
import { proseOfXmlDoc } from '../../outline/docs.js'
import { statementsWith } from '../../syntax/find-in-text.js'
import { headComment } from '../../outline/items.js'
import type { RawImport } from '../raw-import.js'
import { readableCsharp } from './readable.js'
import { childrenOf, field } from '../../syntax/node.js'
import { wordsOf } from '../../syntax/words.js'
import { maxReferences, type LanguageSupport } from '../support.js'
import { outlineByRules, type DeclarationRule, type OutlineRules } from '../../outline/engine.js'

const body = (node: Node): Node | null => field(node, 'body')

const type = (kind: 'class' | 'struct' | 'interface' | 'enum' | 'namespace'): DeclarationRule => ({
  kind,
  members: body,
})

/** Accessors, a body, or the short form of one: `int Size => size;`. */
function endOfHead(node: Node): number {
  const end = field(node, 'accessors') ?? body(node)
  if (end !== null) return end.startIndex
  const value = field(node, 'value')
  return value?.type === 'arrow_expression_clause' ? value.startIndex : node.endIndex
}

/** What stands before the type and the name: attributes, comments and words such as `public`. */
function headOf(node: Node): { words: string[]; start: number } {
  const words: string[] = []
  let start: number | undefined
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (/^(attribute_list|comment|preproc_\w+)$/.test(child.type)) continue
    start ??= child.startIndex
    if (child.type !== 'modifier') break
    words.push(child.text)
  }
  return { words, start: start ?? node.startIndex }
}

const method = (name?: (node: Node) => string): DeclarationRule => ({
  kind: 'method',
  signatureEnd: endOfHead,
  ...(name === undefined ? {} : { name }),
})

const property: DeclarationRule = { kind: 'property', signatureEnd: endOfHead }

function declaratorsOf(node: Node): Node[] {
  const list = childrenOf(node).find((child) => child.type === 'variable_declaration')
  return childrenOf(list ?? null).filter((child) => child.type === 'variable_declarator')
}

const nameOf = (node: Node): string => field(node, 'name')?.text ?? node.namedChild(0)?.text ?? ''

const fields: DeclarationRule = {
  kind: 'property',
  name: (node) => declaratorsOf(node).map(nameOf).join(', '),
  value: (node) => declaratorsOf(node)[0]?.namedChild(1) ?? null,
}

const rules: OutlineRules = {
  declarations: {
    namespace_declaration: type('namespace'),
    class_declaration: type('class'),
    struct_declaration: type('struct'),
    record_declaration: type('class'),
    record_struct_declaration: type('struct'),
    interface_declaration: type('interface'),
    enum_declaration: type('enum'),
    delegate_declaration: { kind: 'type' },
    method_declaration: method(),
    constructor_declaration: method(),
    destructor_declaration: method((node) => `~${nameOf(node)}`),
    operator_declaration: method((node) => `operator ${field(node, 'operator')?.text ?? ''}`.trim()),
    conversion_operator_declaration: method((node) => `operator ${field(node, 'type')?.text ?? ''}`.trim()),
    indexer_declaration: { kind: 'property', name: () => 'this[]', signatureEnd: endOfHead },
    property_declaration: property,
    event_declaration: property,
    field_declaration: fields,
    event_field_declaration: fields,
    enum_member_declaration: { kind: 'property', name: nameOf },
  },
  // `#if` with what it holds, and the statements of a program without a class.
  groups: new Set(['preproc_if', 'preproc_elif', 'preproc_else', 'global_statement']),
  isExported(node, _name, owner) {
    if (node.type === 'namespace_declaration') return true
    const isOpen = owner?.kind === 'interface' || owner?.kind === 'enum'
    const { words } = headOf(node)
    const isPublic = words.some((word) => word === 'public' || word === 'protected' || word === 'internal')
    // A type of a namespace that says nothing is `internal`.
    const isTop = owner === null || owner.kind === 'namespace'
    const isVisible = isOpen || isPublic || (isTop && !words.includes('private') && !words.includes('file'))
    return isVisible && (owner === null || owner.exported)
  },
  proseOf: proseOfXmlDoc,
  signatureStart: (node) => headOf(node).start,
}

/** The namespace of the file's types, or the first one of several; the outline has them all. */
function namespaceOf(root: Node): string {
  const declaration = ungrouped(root).find((child) => /^(file_scoped_)?namespace_declaration$/.test(child.type))
  return plain(declaration === undefined ? null : field(declaration, 'name'))
}

const plain = (node: Node | null): string => (node?.text ?? '').replace(/\s+/g, '')

/** Statements at the top, those under `#if` among them. */
function ungrouped(container: Node, levels = 8): Node[] {
  return childrenOf(container).flatMap((child) =>
    /^preproc_(if|elif|else)$/.test(child.type) && levels > 0 ? ungrouped(child, levels - 1) : [child],
  )
}

/** Behind whatever may stand before the directive, and not `using (...)`. */
const keyword = /\busing\b(?=\s+[^(\s])(?<=(?:^|[;{}\]/]|\bglobal)\s*using)/gm

/** Forms: `namespace`, `static`, `alias` and `global`; those within a namespace as well. */
function importsOfCsharp(root: Node): RawImport[] {
  return statementsWith(root, keyword, ['using_directive']).flatMap((node) => {
    const alias = field(node, 'name')
    const target = childrenOf(node).findLast((child) => child.id !== alias?.id && child.type !== 'comment')
    const specifier = plain(target ?? null).replace(/^global::/, '')
    if (!/^[\w.]+$/.test(specifier)) return []
    const words = node.children.map((child) => child?.type)
    const form =
      alias !== null ? 'alias' : words.includes('static') ? 'static' : words.includes('global') ? 'global' : 'namespace'
    return [{ specifier, names: ['*'], from: false, weak: false, form }]
  })
}

/** Names in the manner of types, and `.Name` for a method that is called: it may extend its type from elsewhere. */
function referencesOfCsharp(root: Node): string[] {
  const code = root.text
  const names = new Set<string>()
  const methods = new Set<string>()
  for (const { text, start, end } of wordsOf(code)) {
    if (!/^[A-Z_]/.test(text)) continue
    if (code[start - 1] !== '.') names.add(text)
    else if (code[end] === '(' || code[end] === '<') methods.add(`.${text}`)
  }
  return [...names].sort().concat([...methods].sort()).slice(0, maxReferences).sort() // prettier-ignore
}

const grammar = '@vscode/tree-sitter-wasm/wasm/tree-sitter-c-sharp.wasm'

export const csharpSupport: LanguageSupport = {
  grammar,
  doc: (root, source) => headComment(childrenOf(root), source),
  outline: outlineByRules(rules),
  imports: importsOfCsharp,
  scope: namespaceOf,
  references: referencesOfCsharp,
  repairs: (text) => readableCsharp(text).map((one) => ({ grammar, text: one })),
}
