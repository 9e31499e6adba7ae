import type { FileRecord, OutlineItem } from '../../records/index.js'
import { firstSentence } from '../narrator/doc-clauses.js'

/** How much is told of a declaration: with its members, by itself, or its name alone. Never its body. */
export type Detail = 'members' | 'signatures' | 'names'

/** The longest telling first. */
export const details: readonly Detail[] = ['members', 'signatures', 'names']

const maxDocChars = 160
const maxNameChars = 80
const maxSignatureChars = 200

/** One line for each declaration, and with `members` one for each of theirs. */
export function outlineLines(file: FileRecord, items: readonly OutlineItem[], detail: Detail): string[] {
  return items.flatMap((item) => {
    if (!isListable(file, item)) return []
    const line = `- ${detail === 'names' ? kindAndName(item) : withDoc(item)}`
    const members = detail === 'members' ? item.children : []
    return [line, ...members.map((member) => `  - ${withDoc(member)}`)]
  })
}

/** Names of declarations in a row. */
export function nameList(file: FileRecord, items: readonly OutlineItem[]): string {
  return items
    .filter((item) => isListable(file, item))
    .map((item) => shortName(item))
    .join(', ')
}

/** The declarations that hold all of bytes `[start, end)`, outermost first. */
export function namesAround(file: FileRecord, start: number, end: number): string {
  const names: string[] = []
  const holder = (items: readonly OutlineItem[]): OutlineItem | undefined =>
    items.find((item) => item.start <= start && end <= item.end && isListable(file, item))
  for (let item = holder(file.outline); item !== undefined; item = holder(item.children)) names.push(shortName(item))
  return names.join(', in it ')
}

/** What the file says of itself; the first words of a text would be its body, and are not told. */
export function fileDoc(file: FileRecord): string {
  return file.language === 'text' ? '' : firstSentence(file.doc, maxDocChars)
}

/** A line outline has first lines for names: those are code, but for the headings of a document. */
function isListable(file: FileRecord, { kind, name }: OutlineItem): boolean {
  if (kind === 'export') return name !== 'module.exports' && name !== '__all__'
  return kind !== 'section' || file.outlineFrom === 'syntax-tree' || /\.(md|markdown|mdx|rst)$/i.test(file.path)
}

function withDoc(item: OutlineItem): string {
  const doc = item.kind === 'section' ? '' : firstSentence(item.doc, maxDocChars)
  return doc === '' ? withoutValue(item) : `${withoutValue(item)} -- ${doc}`
}

/** Declarations whose signature is all that stands before their body. */
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

/** A declaration without what it is set to: the outline keeps short values in a signature, and those are code. */
function withoutValue(item: OutlineItem): string {
  if (kindsWithBody.has(item.kind)) return cut(item.signature, maxSignatureChars)
  if (item.kind !== 'variable' && item.kind !== 'property') return kindAndName(item)
  // PHP's constants are declared by a call, with their value in it.
  if (/^define\s*\(/i.test(item.signature)) return kindAndName(item)
  const declared = item.signature.slice(0, valueStart(item.signature)).trim()
  // Of `const { a, b } = c` nothing would be left but `const`, and of `const ( a = 1 )` half a bracket.
  const isNamed = declared.includes(item.name.split(', ')[0] as string) && isBalanced(declared)
  return isNamed ? cut(declared, maxSignatureChars) : kindAndName(item)
}

/** Where a value or a block begins: at `=` or `:=`, also in brackets, as groups of Go have theirs there; outside of them at `{`, and where a tag of Go begins. */
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

/** An anonymous export has its expression for a name. */
function shortName(item: OutlineItem): string {
  if (item.kind === 'export' && !/^[\w$*, .]*$/.test(item.name)) return 'default'
  return cut(item.name, maxNameChars)
}

const cut = (text: string, maxChars: number): string =>
  text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`
