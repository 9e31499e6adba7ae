import { createRequire } from 'node:module'
import { Language as Grammar, Parser, type Node, type Tree } from 'web-tree-sitter'
import type { Language } from '../records/index.js'

export type SourceLanguage = Exclude<Language, 'text'>

const require = createRequire(import.meta.url)
/** Once per thread: two at the same time would leave parsers of a module that the second one replaced. */
let ready: Promise<void> | undefined
const parsers = new Map<SourceLanguage, Promise<Parser>>()

/** The parser of a language, loaded once per thread. */
export function parserFor(language: SourceLanguage): Promise<Parser> {
  let parser = parsers.get(language)
  if (parser === undefined) {
    parser = loadParser(language)
    parsers.set(language, parser)
  }
  return parser
}

async function loadParser(language: SourceLanguage): Promise<Parser> {
  ready ??= Parser.init()
  await ready
  const file = require.resolve(`@vscode/tree-sitter-wasm/wasm/tree-sitter-${language}.wasm`)
  const parser = new Parser()
  parser.setLanguage(await Grammar.load(file))
  return parser
}

/** Parses one text and hands the tree to `use`; the tree's memory is given back afterwards. */
export async function withTree<T>(language: SourceLanguage, text: string, use: (tree: Tree) => T): Promise<T> {
  const parser = await parserFor(language)
  let tree: Tree | null = null
  try {
    tree = parser.parse(text)
    if (tree === null) throw new Error('the parser gave no tree')
    return use(tree)
  } catch (error) {
    // A trap inside the WebAssembly module may leave this parser half way through its work.
    parsers.delete(language)
    throw error
  } finally {
    tree?.delete()
  }
}

/** Children that are part of the grammar's meaning, comments included. */
export function childrenOf(node: Node | null): Node[] {
  return node === null ? [] : node.namedChildren.filter((child) => child !== null)
}

export function field(node: Node, name: string): Node | null {
  return node.childForFieldName(name)
}

/** Enough for code that people write, and a bound for code that nests without end. */
const MAX_ANCESTORS = 64

/** The nodes around a node, the innermost first. */
export function* ancestorsOf(node: Node): Generator<Node> {
  let outer = node.parent
  for (let up = 0; outer !== null && up < MAX_ANCESTORS; up++) {
    yield outer
    outer = outer.parent
  }
}
