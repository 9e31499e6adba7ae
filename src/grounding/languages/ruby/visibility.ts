import type { Node } from 'web-tree-sitter'
import type { Owner } from '../../outline/engine.js'
import { childrenOf, field } from '../../syntax/node.js'
import { classBody, symbolsOf } from './calls.js'

interface Visibility {
  /** The body of the class, and the bodies of its `class << self` blocks, with their visibility marks. */
  scopes: { start: number; end: number; marks: { start: number; isPublic: boolean }[] }[]
  privateNames: ReadonlySet<string>
}

const visibilityOf = new WeakMap<Owner, Visibility>()

/** Whether a member is private or protected: by a mark before it, by its own call, or by `private :name`. */
export function isPrivate(node: Node, name: string, owner: Owner | null): boolean {
  if (owner === null) return false
  let visibility = visibilityOf.get(owner)
  if (visibility === undefined) visibilityOf.set(owner, (visibility = readVisibility(owner)))
  if (visibility.privateNames.has(name.replace(/^self\./, ''))) return true
  const called = node.type === 'call' ? (field(node, 'method')?.text ?? '') : ''
  if (/^(private|protected|private_class_method)$/.test(called)) return true
  if (called === 'public' || node.type === 'singleton_method') return false
  if (!/method|call|alias/.test(node.type)) return false
  // The innermost scope is the last.
  const scope = visibility.scopes.findLast(({ start, end }) => start <= node.startIndex && node.startIndex < end)
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
