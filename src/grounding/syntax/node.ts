import { createRequire } from 'node:module'
import { Language as Grammar, Parser, type Node, type Tree } from 'web-tree-sitter'

const require = createRequire(import.meta.url)
/** Once per thread: two at the same time would leave parsers of a module that the second one replaced. */
let ready: Promise<void> | undefined
const parsers = new Map<string, Promise<Parser>>()

/** The parser of a grammar's file, loaded once per thread. */
function parserFor(grammar: string): Promise<Parser> {
  let parser = parsers.get(grammar)
  if (parser === undefined) {
    parser = loadParser(grammar)
    parsers.set(grammar, parser)
  }
  return parser
}

async function loadParser(grammar: string): Promise<Parser> {
  ready ??= Parser.init()
  await ready
  const parser = new Parser()
  parser.setLanguage(await Grammar.load(require.resolve(grammar)))
  return parser
}

/** Parses one text with a grammar and hands the tree to `use`; the tree's memory is given back afterwards. */
export async function withTree<T>(grammar: string, text: string, use: (tree: Tree) => T): Promise<T> {
  const parser = await parserFor(grammar)
  let tree: Tree | null = null
  try {
    tree = parser.parse(text)
    if (tree === null) throw new Error('the parser gave no tree')
    return use(tree)
  } catch (error) {
    // A trap inside the WebAssembly module may leave this parser half way through its work.
    parsers.delete(grammar)
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
