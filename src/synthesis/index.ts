// Rebuilds a process that could have written a repository: requirements, a plan, and one episode of steps for each file.
// In: a RepositorySnapshot and its blobs. Out: a Trajectory. `replayTrajectory` checks that it obeys the replay law.
// make-plan.ts asks for the plan and repairs it, episode.ts is the agent of a file, and debugging/ first writes some files
// wrong and fixes them. To add a check: one file and one line in debugging/checks/check-table.ts. To add a kind of fault:
// one file and one line in debugging/faults/fault-table.ts.
export { SynthesisError, synthesisErrors } from './errors.js'
export { synthesisOptionsSchema, type SynthesisOptions } from './options.js'
export { replayTrajectory, type ReplayResult } from './replay.js'
export { synthesizeTrajectory, thoughtRequestFor } from './synthesize.js'
