import { createRequire } from 'node:module'
import { Language as Grammar, Parser, type Tree } from 'web-tree-sitter'

const require = createRequire(import.meta.url)
/** Once per thread: a second initialization would replace the module that the first parsers belong to. */
let ready: Promise<void> | undefined
const parsers = new Map<string, Promise<Parser>>()

/** The parser of a grammar file, loaded once per thread. */
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

/** Parses a text with a grammar and passes the tree to `use`; frees the tree afterwards. */
export async function withTree<T>(grammar: string, text: string, use: (tree: Tree) => T): Promise<T> {
  const parser = await parserFor(grammar)
  let tree: Tree | null = null
  try {
    tree = parser.parse(text)
    if (tree === null) throw new Error('the parser gave no tree')
    return use(tree)
  } catch (error) {
    // A trap inside the WebAssembly module may leave this parser in the middle of its work.
    parsers.delete(grammar)
    throw error
  } finally {
    tree?.delete()
  }
}
