// From a repository to the process that could have written it: requirements, plan, and per file thoughts, Reads and
// Writes. In: a RepositorySnapshot and its blobs. Out: a Trajectory, held to the replay law.
// make-plan.ts asks for the plan and mends it, episode.ts is a file agent, debugging/ writes it wrong first. One more
// kind of step is one more variant in records/trajectory.ts, made in episode.ts and run in replay.ts.
export { SynthesisError, synthesisErrors } from './errors.js'
export { synthesisOptionsSchema, type SynthesisOptions } from './options.js'
export { replayTrajectory, spanBytes, type ReplayResult } from './replay.js'
export { synthesizeTrajectory, thoughtRequestFor } from './synthesize.js'
