// Trajectories, conversations and bare code to packed shards. Record in: Trajectory, Conversation, RepositorySnapshot.
// Record out: ShardManifest, beside the shards it lists. Each rendered segment is tokenized by itself, documents are
// cut between steps where a row is too short, packed by best fit, and written in every format of the options.
// To add a format of shards: one file in shards/formats/ that opens and reads it, and a line in its table.ts.
export { PackingError, packingErrors } from './errors.js'
export { packConversations, packRepositories, packTrajectories } from './pack-trajectories.js'
export { packingOptionsSchema, type PackingOptions } from './options.js'
export { readShard } from './shards/read-shard.js'
export { ignoreIndex, type ShardRow } from './shards/row.js'
