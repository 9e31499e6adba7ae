// From a repository to the process that could have written it: requirements, plan, and per file thoughts, Reads and
// Writes. In: a RepositorySnapshot and its blobs. Out: a Trajectory, held to the replay law.
// make-plan.ts asks for the plan and mends it, episode.ts is a file agent, debugging/ writes it wrong first. A tool
// is a file of the room tools; a step that uses it is made in episode.ts.
export { SynthesisError } from './errors.js'
export { synthesisOptionsSchema, type SynthesisOptions } from './options.js'
export { replayTrajectory, type ReplayResult } from './replay.js'
export { synthesizeTrajectory, thoughtRequestFor } from './synthesize.js'
