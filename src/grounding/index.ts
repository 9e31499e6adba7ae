// From a repository (a folder, a commit of git or a .tar.gz) to a RepositorySnapshot: file tree, outlines by
// tree-sitter, imports resolved to files, dependency graph and one implementation order. Content goes into the blob
// store. Nothing of a repository is executed or followed out of its root; what is left out is listed with its reason.
// To add a language: its extensions in languages.ts, an outline and an imports file, a resolver, and their line in
// parse-file.ts and ground-repository.ts.
export { GroundingError, type GroundingErrorCode } from './errors.js'
export { splitRevision } from './input/git/layout.js'
export { groundRepository, groundWithSignatures, type Grounded, type GroundingContext } from './ground-repository.js'
export {
  duplicatesSchema,
  NearDuplicateIndex,
  signaturesSchema,
  type Duplicates,
  type RepositorySignatures,
} from './duplicates/near-duplicates.js'
export { groundingOptionsSchema, type GroundingOptions } from './options.js'
export { createParsePool, type ParsePool } from './parsing/pool.js'
export {
  graphOf,
  implementationOrder,
  stronglyConnectedComponents,
  type Dependency,
  type Graph,
} from './order/graph.js'
// What a check of a written file needs: trees, imports and the files that they lead to.
export { languageOf } from './languages/language-of.js'
export { parseFile, type ParsedFile } from './parsing/parse-file.js'
export { resolversFor } from './languages/resolvers.js'
export { readSyntaxTree, type SyntaxNode, type SyntaxTree } from './parsing/syntax-tree.js'
