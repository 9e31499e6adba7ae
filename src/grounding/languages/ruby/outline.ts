import type { Node } from 'web-tree-sitter'
import { proseOfComments } from '../../outline/comments.js'
import type { DeclarationRule, OutlineRules } from '../../outline/engine.js'
import { childrenOf, field } from '../../syntax/node.js'
import { classBody, newClass, symbolsOf } from './calls.js'
import { isPrivate } from './visibility.js'

/** The node itself, since the first comment of a class stands in the class before its body. */
const withinNode = (node: Node): Node | null => (field(node, 'body') === null ? null : node)

const methodName = (node: Node): string => {
  const object = field(node, 'object')
  const name = field(node, 'name')?.text ?? ''
  return object === null ? name : `${object.text}.${name}`
}

const firstArgument = (call: Node): Node | null => childrenOf(field(call, 'arguments'))[0] ?? null

/** `X = 1`, and `X = Struct.new(:a) do ... end`, which is a class. */
const constantRule: DeclarationRule = {
  kind: (node) => (field(node, 'left')?.type !== 'constant' ? null : newClass(node) === null ? 'variable' : 'class'),
  name: (node) => field(node, 'left')?.text ?? '',
  value: (node) => field(node, 'right'),
  signatureEnd: (node) => classBody(node)?.startIndex ?? node.endIndex,
  members: classBody,
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

const endOfHead = (node: Node): number =>
  (field(node, 'superclass') ?? field(node, 'parameters') ?? field(node, 'name'))?.endIndex ?? node.endIndex

const methodRule: DeclarationRule = {
  kind: (_node, owner) => (owner === null ? 'function' : 'method'),
  name: methodName,
  signatureEnd: endOfHead,
}

/** Modules, classes, methods, constants and attributes; what follows a lone `private` is not exported. */
export const rulesOfRuby: OutlineRules = {
  declarations: {
    module: { kind: 'module', signatureEnd: endOfHead, members: withinNode },
    class: { kind: 'class', signatureEnd: endOfHead, members: withinNode },
    method: methodRule,
    singleton_method: methodRule,
    alias: { kind: 'method' },
    assignment: constantRule,
    call: callRule,
  },
  groups: new Set(['singleton_class', 'body_statement', 'if', 'unless', 'then', 'else', 'begin']),
  isExported: (node, name, owner) => owner?.exported !== false && !isPrivate(node, name, owner),
  proseOf: (comments) =>
    proseOfComments(comments.filter((comment) => !/^# ?(frozen_string_literal|encoding|coding):/.test(comment))),
}
