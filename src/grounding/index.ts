// From a repository (a folder, a commit of git or a .tar.gz) to a RepositorySnapshot: file tree, outlines by
// tree-sitter, imports resolved to files, dependency graph and one implementation order. Content goes into the blob
// store. Nothing of a repository is executed or followed out of its root; what is left out is listed with its reason.
// To add a language: its extensions in languages.ts, an outline and an imports file, a resolver, and their line in
// parse-file.ts and ground-repository.ts.
export { GroundingError, groundingErrors, type GroundingErrorCode } from './errors.js'
export { gitLayoutOf, splitRevision } from './git-input-layout.js'
export { groundRepository, groundWithSignatures, type Grounded, type GroundingContext } from './ground-repository.js'
export {
  duplicatesSchema,
  NearDuplicateIndex,
  signaturesSchema,
  type Duplicates,
  type RepositorySignatures,
} from './near-duplicates.js'
export { groundingOptionsSchema, type GroundingOptions } from './options.js'
export { createParsePool, type ParsePool } from './parse-pool.js'
export { graphOf, implementationOrder, stronglyConnectedComponents, type Dependency, type Graph } from './graph.js'
// What a check of a written file needs: trees, imports and the files that they lead to.
export { languageOf } from './languages.js'
export { parseFile, type ParsedFile } from './parse-file.js'
export { resolversFor } from './languages/resolver-table.js'
export { readSyntaxTree, type SyntaxNode, type SyntaxTree } from './syntax-tree.js'
