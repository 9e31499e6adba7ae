import type { Node } from 'web-tree-sitter'
import type { DeclarationRule, OutlineRules, Owner } from '../../outline/engine.js'
import { proseOfComments } from '../../outline/prose.js'
import { childrenOf, field } from '../../syntax/node.js'

/** Modules, classes, methods, constants and attributes; what comes after a lone `private` is not exported. */
export function rulesOfRuby(): OutlineRules {
  const behindName: DeclarationRule['signatureEnd'] = (node) =>
    (field(node, 'superclass') ?? field(node, 'parameters') ?? field(node, 'name'))?.endIndex ?? node.endIndex
  const method: DeclarationRule = {
    kind: (_node, owner) => (owner === null ? 'function' : 'method'),
    name: methodName,
    signatureEnd: behindName,
  }
  return {
    declarations: {
      module: { kind: 'module', signatureEnd: behindName, members: withinNode },
      class: { kind: 'class', signatureEnd: behindName, members: withinNode },
      method,
      singleton_method: method,
      alias: { kind: 'method' },
      assignment: constantRule,
      call: callRule,
    },
    groups: new Set(['singleton_class', 'body_statement', 'if', 'unless', 'then', 'else', 'begin']),
    isExported: (node, name, owner) => owner?.exported !== false && !isPrivate(node, name, owner),
    proseOf: (comments) =>
      proseOfComments(comments.filter((one) => !/^# ?(frozen_string_literal|encoding|coding):/.test(one))),
  }
}

/** The first comment of a class stands before its body, within the class. */
const withinNode = (node: Node): Node | null => (field(node, 'body') === null ? null : node)

const methodName = (node: Node): string => {
  const object = field(node, 'object')
  const name = field(node, 'name')?.text ?? ''
  return object === null ? name : `${object.text}.${name}`
}

const firstArgument = (call: Node): Node | null => childrenOf(field(call, 'arguments'))[0] ?? null

const symbolsOf = (call: Node): string[] =>
  childrenOf(field(call, 'arguments')).flatMap((one) => (one.type === 'simple_symbol' ? [one.text.slice(1)] : []))

/** `X = 1`, and `X = Struct.new(:a) do ... end`, which is a class. */
const constantRule: DeclarationRule = {
  kind: (node) => (field(node, 'left')?.type !== 'constant' ? null : newClass(node) === null ? 'variable' : 'class'),
  name: (node) => field(node, 'left')?.text ?? '',
  value: (node) => field(node, 'right'),
  signatureEnd: (node) => classBody(node)?.startIndex ?? node.endIndex,
  members: classBody,
}

function newClass(assignment: Node): Node | null {
  const right = field(assignment, 'right')
  const isNew = right?.type === 'call' && /^(new|define)$/.test(field(right, 'method')?.text ?? '')
  return isNew && /^(Struct|Class|Module|Data)$/.test(field(right, 'receiver')?.text ?? '') ? right : null
}

function classBody(assignment: Node): Node | null {
  const made = newClass(assignment)
  const block = made === null ? null : field(made, 'block')
  return block === null ? null : field(block, 'body')
}

const attributes = /^(c|m|class_|module_)?attr(ibute)?(_reader|_writer|_accessor)?$/
const visibilities = /^(private|public|protected|module_function|private_class_method)$/

/** Calls that declare: `attr_reader :a`, `private def b`, `alias_method :c, :d`, `define_method(:e)`. */
const callRule: DeclarationRule = {
  kind(node, owner) {
    if (field(node, 'receiver') !== null) return null
    const name = field(node, 'method')?.text ?? ''
    if (attributes.test(name)) return owner === null ? null : 'property'
    if (visibilities.test(name) || name === 'alias_method' || name === 'define_method') {
      return owner === null ? 'function' : 'method'
    }
    return null
  },
  name(node) {
    const called = field(node, 'method')?.text ?? ''
    const first = firstArgument(node)
    if (visibilities.test(called)) return first !== null && /method$/.test(first.type) ? methodName(first) : ''
    return attributes.test(called) ? symbolsOf(node).join(', ') : (symbolsOf(node)[0] ?? '')
  },
  signatureEnd(node) {
    const first = firstArgument(node)
    const block = field(node, 'block')
    if (first === null || !/method$/.test(first.type)) return block?.startIndex ?? node.endIndex
    return (field(first, 'parameters') ?? field(first, 'name'))?.endIndex ?? node.endIndex
  },
}

interface Visibility {
  /** The body of the class, and those of its `class << self`. */
  scopes: { start: number; end: number; marks: { start: number; isPublic: boolean }[] }[]
  privateNames: ReadonlySet<string>
}

const visibilityOf = new WeakMap<Owner, Visibility>()

function isPrivate(node: Node, name: string, owner: Owner | null): boolean {
  if (owner === null) return false
  let visibility = visibilityOf.get(owner)
  if (visibility === undefined) visibilityOf.set(owner, (visibility = readVisibility(owner)))
  if (visibility.privateNames.has(name.replace(/^self\./, ''))) return true
  const called = node.type === 'call' ? (field(node, 'method')?.text ?? '') : ''
  if (/^(private|protected|private_class_method)$/.test(called)) return true
  if (called === 'public' || node.type === 'singleton_method') return false
  if (!/method|call|alias/.test(node.type)) return false
  // The innermost scope stands last.
  const scope = visibility.scopes.findLast((one) => one.start <= node.startIndex && node.startIndex < one.end)
  return scope?.marks.findLast((mark) => mark.start < node.startIndex)?.isPublic === false
}

function readVisibility(owner: Owner): Visibility {
  const scopes: Visibility['scopes'] = []
  const privateNames = new Set<string>()
  const read = (body: Node | null, levels: number): void => {
    if (body === null) return
    const scope: Visibility['scopes'][number] = { start: body.startIndex, end: body.endIndex, marks: [] }
    scopes.push(scope)
    for (const child of childrenOf(body)) {
      if (child.type === 'identifier' && /^(private|protected|public)$/.test(child.text)) {
        scope.marks.push({ start: child.startIndex, isPublic: child.text === 'public' })
      } else if (
        child.type === 'call' &&
        /^private(_class_method|_constant)?$/.test(field(child, 'method')?.text ?? '')
      ) {
        for (const name of symbolsOf(child)) privateNames.add(name)
      } else if (child.type === 'singleton_class' && levels > 0) read(field(child, 'body'), levels - 1)
    }
  }
  read(owner.node.type === 'assignment' ? classBody(owner.node) : field(owner.node, 'body'), 2)
  return { scopes, privateNames }
}
