// From a repository (a folder, a commit of git or a .tar.gz) to a RepositorySnapshot: file tree, outlines by
// tree-sitter, imports resolved to files, dependency graph and one implementation order. Puts contents into the blob
// store. Runs nothing of a repository and follows no link out of its root; lists every file that is left out, with the
// reason. To add a language: a folder in languages/ and a row in languages/table.ts.
export {
  duplicatesSchema,
  NearDuplicateIndex,
  signaturesSchema,
  type Duplicates,
  type RepositorySignatures,
} from './duplicates/near-duplicates.js'
export { GroundingError, groundingErrors, type GroundingErrorCode } from './errors.js'
export { groundRepository, groundWithSignatures, type Grounded, type GroundingContext } from './ground-repository.js'
export { refuseAddress } from './input/address.js'
export { gitLayoutOf, splitRevision } from './input/git/layout.js'
export { groundingOptionsSchema, type GroundingOptions } from './options.js'
export { topologicalOrder } from './order/topological-order.js'
export { createParsePool, type ParsePool } from './parsing/pool.js'
// For checks of a written file: its tree, its imports, and the files that they lead to.
export { languageOf } from './languages/language-of.js'
export type { ParsedFile } from './languages/parsed-file.js'
export { resolversFor } from './languages/resolve-imports.js'
export { languages, type SourceLanguage } from './languages/table.js'
export { parseFile } from './parsing/parse-file.js'
export { readSyntaxTree, type SyntaxNode, type SyntaxTree } from './parsing/syntax-tree.js'
