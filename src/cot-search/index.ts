// Looks for the thoughts under which the true code is most likely: propose, score, decide.
// In: a Trajectory, a Scorer, a Generator. Out: the Trajectory with the thoughts that won, and a SearchRow per thought.
// Another rule of choice is another pure function beside `decideRound`; every score it needs is in the rows.
export { decideRound, gateBeforeScore, leastGain, type Best } from './gates.js'
export { isLeak, measureLeak } from './leak.js'
export { measureNoise } from './noise.js'
export { searchOptionsSchema, type SearchOptions } from './options.js'
export { branchOf, stepTokens, textOf, tokensOf, walkSteps, type WalkedStep } from './prepare.js'
export { searchTrajectory, type SearchInput } from './search.js'
