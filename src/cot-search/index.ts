// Looks for the thoughts under which the true code is most likely: propose, score, decide.
// In: a Trajectory, a Scorer, a Generator. Out: the Trajectory with the thoughts that won, and a SearchRow per thought.
// To add a selector (which rewrite of a round is accepted): one pure function in selectors/, and a line in its
// table.ts. Every score that a selector needs is in the rows.
export { gateBeforeScore, leastGain } from './gates.js'
export { isLeak, measureLeak } from './leak.js'
export { measureNoise } from './noise.js'
export { searchOptionsSchema, type SearchOptions } from './options.js'
export { branchOf, stepTokens, tokensOf, walkSteps } from './prepare.js'
export { searchTrajectory } from './search.js'
export type { SearchInput } from './search-input.js'
export { selectors } from './selectors/table.js'
