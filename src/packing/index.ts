// Trajectories, conversations and bare code to packed shards. Record in: Trajectory, Conversation, RepositorySnapshot.
// Record out: ShardManifest, beside the shards it lists. A renderer turns them into segments, each is tokenized by
// itself, documents are cut between steps where a row is too short, packed by best fit and written as Parquet and Arrow.
// To add a renderer: one dialect in render/ and its line in create-renderer.ts. What is trained: masks.ts.
export { PackingError, packingErrors } from './errors.js'
export { defaultMasks, masksSchema, type Masks } from './masks.js'
export { createRenderer, rendererNames, type RendererName } from './render/create-renderer.js'
export type { TurnRenderer } from './render/turn-renderer.js'
export { codeFileSegments } from './render/code-files.js'
export { packConversations, packRepositories, packTrajectories, type PackingInput } from './pack-trajectories.js'
export { packingOptionsSchema, type PackingOptions } from './options.js'
export { readShard } from './shards/read-shard.js'
export { ignoreIndex, type ShardRow } from './shards/row.js'
