// Who writes the words: requirements, plan, thoughts and their rewrites.
// In: a RepositorySnapshot and what a thought leads to. Out: plain text and Thoughts.
// One more writer is one more maker of a `Generator` in the table of `createGenerator`.
export {
  createGenerator,
  decidingOptions,
  describeGenerator,
  digestOfPrompts,
  generationOptionsSchema,
  type Budget,
  type GenerationContext,
  type GenerationOptions,
} from './create-generator.js'
export { matchPath } from './agents/match-path.js'
export { findApiKey } from './endpoint/api-key.js'
export { cacheFolder } from './endpoint/options.js'
export { GenerationError, generationErrors } from './errors.js'
export type { FileRequest, Generator, Overview, ReadChoice, ReadChoiceRequest, ThoughtRequest } from './generator.js'
export { createNarrator } from './narrator/narrator.js'
export { tellFacts, type Fact } from './narrator/fact.js'
export { factsFor } from './narrator/facts.js'
export { localImports } from './narrator/outline-facts.js'
