// Writes the words of trajectories: requirements, plan, thoughts and their rewrites.
// In: a RepositorySnapshot, and the step that a thought stands before. Out: plain text and Thoughts.
// To add a kind of generator: one file in kinds/ and one line in the table of create-generator.ts.
export {
  checkApiKey,
  checkPrompts,
  createGenerator,
  decidingOptions,
  describeGenerator,
  digestOfPrompts,
  generationOptionsSchema,
  probeEndpoint,
  type GenerationOptions,
} from './create-generator.js'
export type { Budget } from './context.js'
export { matchPath } from './agents/match-path.js'
export { cacheFolder } from './endpoint/options.js'
export { GenerationError, generationErrors } from './errors.js'
export type { Generator, Overview, ThoughtRequest } from './generator.js'
export { createNarrator } from './narrator/narrator.js'
export { thoughtOfFacts, type Fact } from './narrator/fact.js'
export { factsFor } from './narrator/facts.js'
export { localImports } from './narrator/outline-facts.js'
