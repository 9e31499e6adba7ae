import type { FileRecord, OutlineItem, RepositorySnapshot } from '../../records/index.js'

/** The files that import `path`, each with the names that it imports, in path order. */
export function usersOf(snapshot: RepositorySnapshot, path: string): { path: string; names: string[] }[] {
  const users: { path: string; names: string[] }[] = []
  for (const file of snapshot.files) {
    if (file.path === path) continue
    const imports = file.imports.filter((imported) => imported.target.kind === 'file' && imported.target.path === path)
    if (imports.length > 0)
      users.push({ path: file.path, names: unique(imports.flatMap((imported) => imported.names)) })
  }
  return users
}

/** What `file` imports from other files of the repository: one entry per file, in order of first mention. */
export function localImports(file: FileRecord): { path: string; names: string[] }[] {
  const byPath = new Map<string, string[]>()
  for (const imported of file.imports) {
    if (imported.target.kind !== 'file' || imported.target.path === file.path) continue
    byPath.set(imported.target.path, [...(byPath.get(imported.target.path) ?? []), ...imported.names])
  }
  return [...byPath].map(([path, names]) => ({ path, names: unique(names) }))
}

export function externalPackages(file: FileRecord): string[] {
  return unique(
    file.imports.flatMap((imported) => (imported.target.kind === 'external' ? [imported.target.package] : [])),
  )
}

/**
 * The declarations that begin in bytes `[start, end)`, outermost first.
 *
 * Where a part lies inside a long class, these are the class's members, not the class.
 */
export function itemsIn(outline: readonly OutlineItem[], start: number, end: number): OutlineItem[] {
  return outline.flatMap((item) => {
    if (item.start >= start && item.start < end) return [item]
    return item.start < start && item.end > start ? itemsIn(item.children, start, end) : []
  })
}

/** The declaration in whose middle byte `at` lies, the innermost one that has members; `null` at the top level. */
export function enclosingItem(outline: readonly OutlineItem[], at: number): OutlineItem | null {
  const outer = outline.find((item) => item.start < at && at < item.end && item.children.length > 0)
  if (outer === undefined) return null
  return enclosingItem(outer.children, at) ?? outer
}

/** Parameter names of a signature, in order; destructured ones and `self` are left out. */
export function parameterNames(signature: string): string[] {
  const inside = isCut(signature) ? null : betweenParentheses(withoutAngles(signature))
  if (inside === null) return []
  const names = splitAtCommas(inside).map(
    (part) => /^(?:(?:public|private|protected|readonly)\s+)*[.*]*([A-Za-z_$][\w$]*)/.exec(part.trim())?.[1] ?? '',
  )
  return unique(names.filter((name) => name !== '' && name !== 'self' && name !== 'cls' && name !== 'this'))
}

/** The names that a class or interface extends or implements; in Python its base classes. */
export function baseNames(item: OutlineItem): string[] {
  if (isCut(item.signature)) return []
  const bare = withoutAngles(item.signature)
  const clause = /\b(?:extends|implements)\s+(.+)$/.exec(bare)?.[1]
  const list =
    clause ?? (bare.startsWith('class ') ? betweenParentheses(bare.replace(/^(class \w+)\[[^\]]*\]/, '$1')) : null)
  if (list === null || list === undefined) return []
  return unique(
    splitAtCommas(list.replace(/\bimplements\b/g, ','))
      .map((part) => /^([A-Za-z_$][\w$.]*)\s*(?:\[|\{|$)/.exec(part.trim())?.[1] ?? '')
      .filter((name) => name !== ''),
  )
}

/** The declared return type of a function, or an empty string. */
export function returnType(signature: string): string {
  const close = signature.lastIndexOf(')')
  if (close < 0 || isCut(signature)) return ''
  const type = /^\)\s*(?::|->)\s*([^={]+?)\s*(?:=>|:|\{)?$/.exec(signature.slice(close))?.[1] ?? ''
  const bare = type.replace(/^(['"])(.*)\1$/, '$2')
  return /[A-Za-z]/.test(bare) && !bare.includes('`') ? bare : ''
}

/** Whether grounding cut the signature, which it marks by an ellipsis at the end. */
const isCut = (signature: string): boolean => signature.endsWith('…')

/** The signature without type parameters and type arguments, which may have an `extends`, `(` or `,` of their own. */
function withoutAngles(signature: string): string {
  let text = signature.replace(/=>/g, '=\u0000')
  for (let before = ''; before !== text;) {
    before = text
    text = text.replace(/(?<=[\w$])<[^<>]*>/g, '')
  }
  return text.replace(/=\u0000/g, '=>')
}

export function unique(items: readonly string[]): string[] {
  return [...new Set(items)]
}

function betweenParentheses(signature: string): string | null {
  const open = signature.indexOf('(')
  if (open < 0) return null
  let depth = 0
  for (let i = open; i < signature.length; i++) {
    if (signature[i] === '(') depth++
    if (signature[i] === ')' && --depth === 0) return signature.slice(open + 1, i)
  }
  return null
}

function splitAtCommas(list: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < list.length; i++) {
    const char = list.charAt(i)
    if ('([{<'.includes(char)) depth++
    // The `>` of an arrow closes no bracket.
    else if (')]}'.includes(char) || (char === '>' && list[i - 1] !== '=')) depth--
    else if (char === ',' && depth === 0) {
      parts.push(list.slice(from, i))
      from = i + 1
    }
  }
  parts.push(list.slice(from))
  return parts
}
