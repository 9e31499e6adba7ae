import type { SpanReader } from '../core/index.js'
import type { Conversation, ShardManifest, Trajectory } from '../records/index.js'
import type { Renderer } from '../rendering/index.js'
import { codeRenderer, tokenizeRepository, type CodeDocument } from './code-document.js'
import { tokenizeConversation, tokenizeTrajectory } from './document.js'
import type { PackingOptions } from './options.js'
import { packDocuments, type PackingTarget } from './pack-documents.js'

interface TrajectoriesInput extends PackingTarget {
  /** Taken one by one; the order decides the bytes of the shards. */
  trajectories: Iterable<Trajectory> | AsyncIterable<Trajectory>
  read: SpanReader
  /** The renderer that the search scored with, of `createRenderer(options.renderer, options.masks)`. */
  renderer: Renderer
}

interface ConversationsInput extends PackingTarget {
  /** Taken one by one; the order decides the bytes of the shards. */
  conversations: Iterable<Conversation> | AsyncIterable<Conversation>
  /** Of `createRenderer(options.renderer, options.masks)`. */
  renderer: Renderer
}

interface RepositoriesInput extends PackingTarget {
  /** Taken one by one; the order decides the bytes of the shards. */
  repositories: Iterable<CodeDocument> | AsyncIterable<CodeDocument>
  read: SpanReader
}

/**
 * Packs trajectories into shards and accounts for every token. The same input and options give the same bytes.
 *
 * @throws PackingError `DOMAIN_INVALID`; TokenizerError where the tokenizer lacks a special token of the renderer;
 * CoreError `ABORTED`
 */
export async function packTrajectories(input: TrajectoriesInput, options: PackingOptions): Promise<ShardManifest> {
  const { trajectories, renderer, read, tokenizer } = input
  const documents = eachOf(trajectories, (trajectory) => tokenizeTrajectory(trajectory, renderer, read, tokenizer))
  return packDocuments({ ...input, documents }, options)
}

/** The same for conversations; the export of a trajectory packs to the bytes of the trajectory. @throws the same */
export async function packConversations(input: ConversationsInput, options: PackingOptions): Promise<ShardManifest> {
  const { conversations, renderer, tokenizer } = input
  const documents = eachOf(conversations, (conversation) => tokenizeConversation(conversation, renderer, tokenizer))
  return packDocuments({ ...input, documents }, options)
}

/** The same for repositories as they are, each as one document of code. The renderer only opens and ends it. @throws the same */
export async function packRepositories(input: RepositoriesInput, options: PackingOptions): Promise<ShardManifest> {
  const { repositories, read, tokenizer } = input
  const documents = eachOf(repositories, (repository) => tokenizeRepository(repository, options, read, tokenizer))
  return packDocuments({ ...input, documents, renderer: codeRenderer }, options)
}

async function* eachOf<In, Out>(items: Iterable<In> | AsyncIterable<In>, make: (item: In) => Out): AsyncGenerator<Out> {
  for await (const item of items) yield make(item)
}
