// Log-likelihoods of tokens under a model, with one shared prefix and many branches.
// In: token ids. Out: natural log-probabilities, one per scored token. Backends do the work; the contract is `scorer.ts`.
// To add a backend: implement `Scorer` under `backends/`, name its options in `options.ts` and its maker in
// `create-scorer.ts`, and run `test/scoring/contract.ts` over it.
export { createScorer, describeDevice } from './create-scorer.js'
export { ScoringError, scoringErrors, type ScoringErrorCode } from './errors.js'
export { readModelConfig, type LlamaConfig } from './model-config.js'
export { readModelInfo } from './model-files.js'
export { backendNames, probeBackend, type BackendName } from './probe-backend.js'
export { scorerOptionsSchema, scorerSettingsSchema, type ScorerOptions, type ScorerSettings } from './options.js'
export { answerScoreRequest, type ScoreAnswer } from './score-request.js'
export type { Branch, BranchScore, ModelFacts, ModelInfo, Prefix, Range, Scorer, ScorerCounters } from './scorer.js'
