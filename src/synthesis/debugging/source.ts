import {
  languageOf,
  readSyntaxTree,
  type SourceLanguage,
  type SyntaxNode,
  type SyntaxTree,
} from '../../grounding/index.js'

/** A parsed file. */
export interface Source {
  path: string
  language: SourceLanguage
  text: string
  tree: SyntaxTree
  /** How often each word occurs in the text, comments and strings included. */
  words: ReadonlyMap<string, number>
  textOf(node: SyntaxNode): string
  /** The 1-based line of an index in UTF-16 units. */
  lineOf(index: number): number
}

/** Parses a file. `null` if its language has no grammar, or the file is beyond the limits of the parser. */
export async function readSource(path: string, text: string): Promise<Source | null> {
  const language = languageOf(path)
  const tree = language === 'text' ? null : await readSyntaxTree(language, text)
  if (language === 'text' || tree === null) return null
  const starts = lineStarts(text)
  return {
    path,
    language,
    text,
    tree,
    words: countWords(text),
    textOf: (node) => text.slice(node.start, node.end),
    lineOf: (index) => lineAt(starts, index),
  }
}

function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [word] of text.matchAll(/[\p{L}\p{N}_$]+/gu)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function lineAt(starts: readonly number[], index: number): number {
  let [low, high] = [0, starts.length]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((starts[middle] as number) <= index) low = middle
    else high = middle
  }
  return low + 1
}

export const isScript = (language: string): boolean =>
  language === 'typescript' || language === 'tsx' || language === 'javascript'

/** The named children of a node, without comments. */
export function namedChildren(node: SyntaxNode): SyntaxNode[] {
  return node.children.filter((child) => child.isNamed && !isComment(child))
}

export const isComment = ({ type }: SyntaxNode): boolean => type === 'comment' || type.endsWith('_comment')

export function childOf(node: SyntaxNode | null | undefined, field: string): SyntaxNode | null {
  return node?.children.find((child) => child.field === field) ?? null
}

/** The ancestors of a node, the innermost first. */
export function* ancestors(node: SyntaxNode): Generator<SyntaxNode> {
  for (let outer = node.parent; outer !== null; outer = outer.parent) yield outer
}

/** All descendants of a node, each before its children. */
export function* descendants(node: SyntaxNode): Generator<SyntaxNode> {
  const pending = [...node.children].reverse()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield next
    for (let at = next.children.length - 1; at >= 0; at--) pending.push(next.children[at] as SyntaxNode)
  }
}

/** Whether a node is a name, for languages whose declared names are not known from one file. */
export const isName = ({ type, isNamed }: SyntaxNode): boolean =>
  isNamed && /^(\w*identifier|constant|name|variable_name|instance_variable)$/.test(type)

/** A name without the `@` of Ruby, as `words` counts it. */
export const nameTextOf = (source: Source, node: SyntaxNode): string => source.textOf(node).replace(/^@+/, '')
