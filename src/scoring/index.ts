// Log-likelihoods of tokens under a model, for many branches behind one shared prefix.
// In: token ids. Out: natural log-probabilities, one per scored token. Backends compute; `scorer.ts` is their contract.
// To add a backend: a folder in `backends/` that makes a `Backend`, a row in `backends/table.ts`, and a test that runs
// `test/scoring/contract.ts` over it.
export { backendNames, describeBackends, probeBackend } from './backends/table.js'
export { buildNative } from './backends/native/build-native.js'
export { chooseBackend } from './choose-backend.js'
export { createScorer, describeDevice } from './create-scorer.js'
export { ScoringError, scoringErrors, type ScoringErrorCode } from './errors.js'
export { scorerSettingsSchema, type ScorerOptions, type ScorerSettings } from './options.js'
export { answerScoreRequest, type ScoreAnswer } from './score-request.js'
export { deviceNames } from './settings.js'
export type { Branch, BranchScore, ModelInfo, Prefix, Range, Scorer, ScorerCounters } from './scorer.js'
