import type { FileRecord, OutlineItem } from '../../records/index.js'
import { firstSentence } from '../narrator/doc-clauses.js'

/** How much of a declaration is shown: with its members, its signature, or only its name. Never its body. */
export type Detail = 'members' | 'signatures' | 'names'

/** From the longest to the shortest. */
export const details: readonly Detail[] = ['members', 'signatures', 'names']

const maxDocChars = 160
const maxNameChars = 80
const maxSignatureChars = 200

/** One line for each declaration, and with `members` one for each of its members. */
export function outlineLines(file: FileRecord, items: readonly OutlineItem[], detail: Detail): string[] {
  return items.flatMap((item) => {
    if (!isListable(file, item)) return []
    const line = `- ${detail === 'names' ? kindAndName(item) : withDoc(item)}`
    const members = detail === 'members' ? item.children : []
    return [line, ...members.map((member) => `  - ${withDoc(member)}`)]
  })
}

/** The names of declarations, separated by commas. */
export function nameList(file: FileRecord, items: readonly OutlineItem[]): string {
  return items
    .filter((item) => isListable(file, item))
    .map((item) => shortName(item))
    .join(', ')
}

/** The names of the declarations that enclose all bytes `[start, end)`, outermost first. */
export function namesAround(file: FileRecord, start: number, end: number): string {
  const names: string[] = []
  const holder = (items: readonly OutlineItem[]): OutlineItem | undefined =>
    items.find((item) => item.start <= start && end <= item.end && isListable(file, item))
  for (let item = holder(file.outline); item !== undefined; item = holder(item.children)) names.push(shortName(item))
  return names.join(', in it ')
}

/** The doc of a file. Empty for a text, since its first words belong to its body. */
export function fileDoc(file: FileRecord): string {
  return file.language === 'text' ? '' : firstSentence(file.doc, maxDocChars)
}

/** Whether the name of an item may be shown. A line outline has first lines for names: those are code, except headings. */
function isListable(file: FileRecord, { kind, name }: OutlineItem): boolean {
  if (kind === 'export') return name !== 'module.exports' && name !== '__all__'
  return kind !== 'section' || file.outlineFrom === 'syntax-tree' || /\.(md|markdown|mdx|rst)$/i.test(file.path)
}

function withDoc(item: OutlineItem): string {
  const doc = item.kind === 'section' ? '' : firstSentence(item.doc, maxDocChars)
  return doc === '' ? withoutValue(item) : `${withoutValue(item)} -- ${doc}`
}

/** Kinds whose signature is everything before their body. */
const kindsWithBody: ReadonlySet<OutlineItem['kind']> = new Set([
  'class',
  'struct',
  'interface',
  'trait',
  'extension',
  'function',
  'method',
  'enum',
  'namespace',
  'module',
])

/** A signature without the value: the outline keeps short values in a signature, and values are code. */
function withoutValue(item: OutlineItem): string {
  if (kindsWithBody.has(item.kind)) return cut(item.signature, maxSignatureChars)
  if (item.kind !== 'variable' && item.kind !== 'property') return kindAndName(item)
  // PHP declares constants by a call that has the value in it.
  if (/^define\s*\(/i.test(item.signature)) return kindAndName(item)
  const declared = item.signature.slice(0, valueStart(item.signature)).trim()
  // Only `const` would be left of `const { a, b } = c`, and half a bracket of `const ( a = 1 )`.
  const isNamed = declared.includes(item.name.split(', ')[0] as string) && isBalanced(declared)
  return isNamed ? cut(declared, maxSignatureChars) : kindAndName(item)
}

/**
 * Where the value or block begins: at `=` or `:=`, also inside brackets, where the groups of Go have their values; outside
 * brackets also at `{`, and at the backtick that begins a tag of Go.
 */
function valueStart(signature: string): number {
  let depth = 0
  for (let at = 0; at < signature.length; at++) {
    const char = signature.charAt(at)
    if (char === '(' || char === '[') depth++
    else if (char === ')' || char === ']') depth--
    else if (depth <= 0 && (char === '{' || char === '`')) return at
    else if (char === '=' && signature[at + 1] !== '>') return signature[at - 1] === ':' ? at - 1 : at
  }
  return signature.length
}

const isBalanced = (text: string): boolean => text.split(/[([]/).length === text.split(/[)\]]/).length

const kindAndName = (item: OutlineItem): string =>
  item.kind === 'section' ? `"${shortName(item)}"` : `${item.kind} ${shortName(item)}`

/** The outline names an anonymous export by its expression, which is code. */
function shortName(item: OutlineItem): string {
  if (item.kind === 'export' && !/^[\w$*, .]*$/.test(item.name)) return 'default'
  return cut(item.name, maxNameChars)
}

const cut = (text: string, maxChars: number): string =>
  text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`
